"""The object behind /state.json: docs/how-to/follow-an-experiment.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.checks.log_checks import Check, first_stop
from offline.experiment.metrics import Metric
from offline.experiment.sequential import FEWEST
from offline.experiment.words import interval, label, percent
from offline.watch.ratio import LiveRatio
from offline.watch.state import State
from offline.watch.timeline import LiveLook, Value, period_end

SILENT_GAPS = 20
"""A log counts as stopped if it had no event for this many usual gaps, and"""
SILENT_S = 30.0
"""for this many seconds: workers write in batches."""
_OWN_CLOCK_S = 3600.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Silence:
    """Seconds since the log was last written to."""

    seconds: float
    after: float
    """Seconds after which the log counts as stopped."""
    own_clock: bool
    """Whether the log's timestamps are not of this machine's time, as in a simulation: then they
    do not show when lines were written."""

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
    primaries = state.metrics.primaries
    comparisons = max(len(aggregates.arms) - 1, 1) * len(primaries)
    told = []
    for arm in aggregates.arms:
        found = first_stop(checks, arm.treatment, aggregates.control)
        stop = None if found is None else f"{found.title.lower()}: {found.text}"
        name = label(arm.treatment, names)
        of_metrics = []
        for metric in primaries:
            values = state.timeline.now(metric.name)
            own = values.get(arm.treatment)
            some: Json = {
                "users_with_value": 0 if own is None else own.users,
                "mean": None if own is None else metric.scale * own.moments.mean,
            }
            if arm.treatment != CONTROL:
                looks = state.timeline.looks(arm.treatment, metric.name, comparisons, alpha)
                some |= _told_effect(looks, values.get(CONTROL), own, metric.scale)
                some["standing"] = None if stopped or stop is not None else _standing(looks)
                some["words"] = _words(looks, stopped, stop)
                subject = name if len(primaries) == 1 else f"{name}, {metric.called}"
                some["sentence"] = _sentence(looks, subject, some["words"])
                some["looks"] = [_told_look(look, state) for look in looks]
            of_metrics.append({"metric": metric.name, **some})
        one: Json = {
            "treatment": arm.treatment,
            "name": name,
            "control": arm.treatment == CONTROL,
            "users": arm.users,
            "sessions": arm.sessions,
            "sessions_without_end": arm.unfinished,
            "lines": arm.lines,
            **of_metrics[0],
            "also": of_metrics[1:],
        }
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


def told_metric(metric: Metric, alpha: float) -> Json:
    """A metric that is followed."""
    return {
        "name": metric.name,
        "title": metric.title,
        "meaning": metric.meaning,
        "unit": metric.unit.strip(),
        "more_is_better": metric.more_is_better,
        "confidence": round(1 - alpha, 9),
        "first_look_users": FEWEST,
    }


def missing_fields(metrics: Sequence[Metric], state: State) -> list[str]:
    """Notes on metrics that need a field that no event has so far."""
    if not len(state.completeness):
        return []
    fields = {"recommender": "told_recommenders", "recommendation": "answers"}
    return [
        f"metric {metric.name}: the log has no `{need}`"
        for metric in metrics
        for need in metric.needs
        if need in fields and not state.completeness[fields[need]].sum()
    ]


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
    looks: Sequence[LiveLook], control: Value | None, treated: Value | None, scale: float
) -> Json:
    difference = None
    if control is not None and treated is not None:
        difference = scale * (treated.moments.mean - control.moments.mean)
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
    """Notes on the figures."""
    if not looks:
        return f"no figure before {FEWEST} users of each arm have a value"
    if stopped:
        return "as of the time at which the log stopped"
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
