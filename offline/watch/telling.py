"""The object behind /state.json: docs/how-to/follow-an-experiment.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.checks.log_checks import Check, first_stop
from offline.experiment.sequential import FEWEST
from offline.experiment.stats.effects import Moments
from offline.experiment.words import interval, label, percent
from offline.watch.ratio import LiveRatio
from offline.watch.state import State
from offline.watch.timeline import METRIC, LiveLook, followed, period_end

SILENT_GAPS = 20
"""A log has stopped where it had no line for so many of its usual gaps, and"""
SILENT_S = 30.0
"""for so long: workers write many lines at once."""
_OWN_CLOCK_S = 3600.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Silence:
    """How long nobody has written to the log; seconds."""

    seconds: float
    after: float
    """From when on the log counts as stopped."""
    own_clock: bool
    """Whether the log's timestamps are not of this machine's time, such as of a simulation: they
    say nothing of how lines come."""

    @classmethod
    def of(cls, state: State, written: float, now: float, every: float) -> "Silence":
        """`written` and `now` in s since the epoch; `every` is the time between two looks."""
        newest = state.newest
        own_clock = newest is not None and abs(written - newest / 1000) > _OWN_CLOCK_S
        gap = 0.0 if own_clock else state.usual_gap or 0.0
        after = max(SILENT_GAPS * gap, SILENT_S, 3 * every)
        return cls(max(now - written, 0.0), after, own_clock)

    @property
    def stopped(self) -> bool:
        return self.seconds > self.after


def told_log(state: State, silence: Silence, files: int, now: float) -> Json:
    """How the log is and how young."""
    newest = state.newest
    return {
        "files": files,
        "lines": state.skipped.lines,
        "bad_lines": state.skipped.bad,
        "commonest_fault": state.skipped.commonest,
        "lines_of_experiment": state.counts["kept"],
        "lines_repeated": state.counts["repeated"],
        "lines_set_aside": state.counts["late"],
        "first_timestamp": state.span[0] if state.span else None,
        "last_timestamp": newest,
        "lag": None if newest is None or silence.own_clock else round(now - newest / 1000, 3),
        "silence": round(silence.seconds, 3),
        "usual_gap": None if silence.own_clock else state.usual_gap,
        "stopped_after": silence.after,
        "stopped": silence.stopped,
    }


def told_treatments(
    state: State,
    aggregates: Aggregates,
    checks: Sequence[Check],
    names: Mapping[str, str],
    stopped: bool,
    alpha: float,
) -> list[Json]:
    """One entry for each, the control first."""
    moments = state.timeline.now()
    comparisons = max(len(aggregates.arms) - 1, 1)
    told = []
    for arm in aggregates.arms:
        own = moments.get(arm.treatment)
        one: Json = {
            "treatment": arm.treatment,
            "name": label(arm.treatment, names),
            "control": arm.treatment == CONTROL,
            "users": arm.users,
            "users_with_value": arm.users - arm.users_without_session,
            "sessions": arm.sessions,
            "sessions_without_end": arm.unfinished,
            "lines": arm.lines,
            "mean": None if own is None else own.mean,
        }
        if arm.treatment != CONTROL:
            looks = state.timeline.looks(arm.treatment, comparisons, alpha)
            found = first_stop(checks, arm.treatment, aggregates.control)
            stop = None if found is None else f"{found.title.lower()}: {found.text}"
            one |= _told_effect(looks, moments.get(CONTROL), own)
            one["standing"] = None if stopped or stop is not None else _standing(looks)
            one["words"] = _words(looks, stopped, stop)
            one["sentence"] = _sentence(looks, one["name"], one["words"])
            one["looks"] = [_told_look(look, state) for look in looks]
        told.append(one)
    return told


def told_checks(checks: Sequence[Check], ratio: LiveRatio | None) -> list[Json]:
    """Every row of health, the sample ratio first."""
    rows = [] if ratio is None else [_told_ratio(ratio)]
    return rows + [
        {
            "name": check.name,
            "title": check.title,
            "treatment": check.treatment,
            "status": check.status,
            "text": check.text,
        }
        for check in checks
    ]


def ratio_check(ratio: LiveRatio) -> Check:
    """As a check among the others: a mismatch stops."""
    told = _told_ratio(ratio)
    return Check("sample_ratio", told["title"], told["status"], told["text"])


def told_metric(alpha: float) -> Json:
    """The metric that is followed."""
    metric = followed()[METRIC]
    return {
        "name": metric.name,
        "title": metric.title,
        "meaning": metric.meaning,
        "unit": metric.unit.strip(),
        "more_is_better": metric.more_is_better,
        "confidence": round(1 - alpha, 9),
        "first_look_users": FEWEST,
    }


def _told_ratio(ratio: LiveRatio) -> Json:
    users = ", ".join(
        f"{name} {count:,} (expected {ratio.expected[name]:,.0f})"
        for name, count in ratio.users.items()
    )
    p = "p < 0.0001" if ratio.p < 0.0001 else f"p = {ratio.p:.2g}"
    return {
        "name": "sample_ratio",
        "title": "Sample ratio",
        "treatment": None,
        "status": "stop" if ratio.mismatch else "ok",
        "text": f"users {users}; always-valid {p}",
        "p": ratio.p,
    }


def _told_effect(
    looks: Sequence[LiveLook], control: Moments | None, treated: Moments | None
) -> Json:
    difference = None
    if control is not None and treated is not None:
        difference = treated.mean - control.mean
    last = looks[-1] if looks else None
    return {
        "difference": difference,
        "effect": None if last is None else last.effect,
        "lower": None if last is None else last.lower,
        "upper": None if last is None else last.upper,
    }


def _standing(looks: Sequence[LiveLook]) -> str | None:
    if not looks:
        return None
    last = looks[-1]
    return "above" if last.lower > 0 else "below" if last.upper < 0 else "open"


_STANDING = {
    "above": "above the control",
    "below": "below the control",
    "open": "not told apart from the control so far",
}


def _words(looks: Sequence[LiveLook], stopped: bool, stop: str | None) -> str:
    """What may be said of the figures."""
    if not looks:
        return f"no figure before {FEWEST} users of each arm have finished a session"
    if stopped:
        return "so it stood when the log stopped"
    if stop is not None:
        return f"not to be relied upon: {stop}"
    return _STANDING[_standing(looks) or "open"]


def _sentence(looks: Sequence[LiveLook], name: str, words: str) -> str:
    if not looks:
        return f"{name}: {words}"
    last = looks[-1]
    return f"{name}: {percent(last.effect)} ({interval(last.lower, last.upper)}), {words}"


def _told_look(look: LiveLook, state: State) -> Json:
    end = period_end(look.period, state.timeline.period)
    return {
        "end": end if state.span is None else min(end, state.span[1]),
        "effect": look.effect,
        "lower": look.lower,
        "upper": look.upper,
        "users": list(look.users),
    }
