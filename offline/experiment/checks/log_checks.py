"""Checks that a log must pass before it is analysed, each with its figures."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from offline.experiment.aggregates.provenance import Provenance
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metrics import Metric
from offline.experiment.stats.value_test import share_p
from offline.experiment.words import moment
from offline.logs.bad_lines import BAD_STOP, BAD_TOLD

BAD, INCOMPLETE, FALLBACK, MIXED = "bad", "incomplete", "fallback", "mixed"
ALLOWANCES = (BAD, INCOMPLETE, FALLBACK, MIXED)
"""What `--allow-...` can take a stop from."""

INCOMPLETE_TOLD, INCOMPLETE_STOP = 0.005, 0.05
FALLBACK_TOLD, FALLBACK_STOP = 0.001, 0.01
BOTH_STOP = 0.01
"""Shares above which there is a note, and above which there is no verdict."""
_FEWEST = 10
"""With fewer cases a share of sessions or answers is noted but stops nothing."""
VALUE_P = 0.001
"""p-value below which missing values are taken to depend on the treatment."""

Status = Literal["ok", "note", "stop", "unknown"]


@dataclass(frozen=True)
class Check:
    """One check, of one treatment or (None) of the whole experiment."""

    name: str
    title: str
    status: Status
    text: str
    """The finding, with its figures."""
    treatment: str | None = None
    advice: str = ""
    """How to resolve a stop."""

    def concerns(self, treatment: str, control: str) -> bool:
        """Whether it applies to the comparison of `treatment` with the control."""
        return self.treatment in (None, control, treatment)


def run_checks(aggregates: Aggregates, allowed: Collection[str] = ()) -> tuple[Check, ...]:
    """Every check, those of the whole log first; `allowed` of ALLOWANCES stop nothing."""
    return (
        _bad_lines(aggregates, allowed),
        *(_mixed(aggregates.provenance, allowed) if aggregates.source != "table" else ()),
        _both(aggregates),
        *_twice(aggregates),
        *_strays(aggregates),
        *(_shop_completeness if aggregates.source == "shop" else _completeness)(
            aggregates.completeness, allowed
        ),
        *_values(aggregates),
    )


def first_stop(checks: Sequence[Check], treatment: str, control: str) -> Check | None:
    """The first failed check that stops the verdict on `treatment`."""
    return next((c for c in checks if c.status == "stop" and c.concerns(treatment, control)), None)


def headline(checks: Sequence[Check]) -> str:
    """A note for the verdict's sentence; empty for none."""
    told = [c.text for c in checks if c.name == "bad_lines" and c.status == "note"]
    return f" ({'; '.join(told)})" if told else ""


def checks_text(checks: Sequence[Check]) -> str:
    """A line each for a terminal; passed checks share one."""
    lines = []
    good = sorted({c.title for c in checks if c.status == "ok"})
    if good:
        lines.append(f"passed: {', '.join(good)}")
    for check in checks:
        if check.status != "ok":
            place = f" of {check.treatment}" if check.treatment else ""
            lines.append(f"{check.status}: {check.title}{place}: {check.text}")
    return "\n".join(lines)


def share_text(part: int, whole: int) -> str:
    """`3.2 % (16 of 500)`."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    shown = f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"
    return f"{shown} % ({part:,} of {whole:,})"


def _bad_lines(aggregates: Aggregates, allowed: Collection[str]) -> Check:
    quality = aggregates.quality
    noun, source = ("row", "table") if aggregates.source == "table" else ("line", "log")
    name, title = "bad_lines", f"Bad {noun}s"
    if not quality.bad_lines:
        return Check(name, title, "ok", f"every {noun} could be used")
    share = quality.bad_lines / quality.lines
    commonest = quality.skipped.commonest
    most = f": mostly {commonest}" if commonest else ""
    text = f"{share_text(quality.bad_lines, quality.lines)} of the {noun}s could not be used{most}"
    if share > BAD_STOP and BAD not in allowed:
        advice = f"Mend the {source}, or judge the rest with --allow-bad."
        return Check(name, title, "stop", text, advice=advice)
    return Check(name, title, "note" if share > BAD_TOLD else "ok", text)


_WHICH = "Say which lines are meant with --run, --since or --version, or judge all: --allow-mixed."


def _mixed(found: Provenance, allowed: Collection[str]) -> Iterator[Check]:
    if not found.told:
        text = "the log does not say of which run, world and model its lines are"
        yield Check("mixed", "One run, one world", "unknown", f"{text}: not checked")
        return
    forbidden: Status = "note" if MIXED in allowed else "stop"
    for name, title, lines in (("world", "World", found.worlds), ("run", "Run", found.runs)):
        told = ", ".join(f"{value} with {count:,} lines" for value, count in lines.items())
        if len(lines) > 1:
            text = f"the log is of {len(lines)} {name}s ({told})"
            yield Check(name, title, forbidden, text, advice=_WHICH)
        else:
            yield Check(name, title, "ok", told or "the log does not say")
    for change in found.changes:
        what = (
            f"the model changed from {change.before} to {change.after} at {moment(change.began)}"
        )
        if change.interleaved:
            text = f"{what}, and both answered until {moment(change.left)}"
            yield Check("model", "Model", forbidden, text, change.treatment, _WHICH)
        elif not change.recorded(found.published):
            text = f"{what}, and no record says that it was published then"
            yield Check("model", "Model", forbidden, text, change.treatment, _WHICH)
        else:
            yield Check("model", "Model", "note", f"{what}, as was published", change.treatment)


def _both(aggregates: Aggregates) -> Check:
    name, title = "users_in_several", "Users in several treatments"
    several, users = aggregates.quality.users_in_several, sum(a.users for a in aggregates.arms)
    if not several:
        return Check(name, title, "ok", "nobody")
    text = f"{share_text(several, users + several)} of the users were seen in several treatments"
    text += " and are left out"
    if several > BOTH_STOP * (users + several):
        advice = "Find out why the split is not stable: users must keep their treatment."
        return Check(name, title, "stop", text, advice=advice)
    return Check(name, title, "note", text)


def _twice(aggregates: Aggregates) -> Iterator[Check]:
    """Of a table with a row per user."""
    twice, users = aggregates.users_twice, sum(arm.users for arm in aggregates.arms)
    if not twice:
        return
    text = f"{share_text(twice, users + twice)} of the users have rows that contradict each other"
    text += " and are left out"
    name, title = "users_twice", "Users with several rows"
    if twice > BOTH_STOP * (users + twice):
        advice = "Give one row for each user, or --events for a row per event."
        yield Check(name, title, "stop", text, advice=advice)
    else:
        yield Check(name, title, "note", text)


def _strays(aggregates: Aggregates) -> Iterator[Check]:
    judged = [arm.treatment for arm in aggregates.arms]
    for treatment, users in aggregates.strays.items():
        text = (
            f"{users:,} user{'s' if users != 1 else ''} in {treatment}, which is left out: "
            f"--treatments {','.join([*judged, treatment])} judges it"
        )
        yield Check("stray_treatment", "Stray treatment", "note", text)


def _completeness(found: pd.DataFrame, allowed: Collection[str]) -> Iterator[Check]:
    cut, fallback = (INCOMPLETE_TOLD, INCOMPLETE_STOP), (FALLBACK_TOLD, FALLBACK_STOP)
    for row in found.to_dict("records"):
        arm = str(row.pop("treatment"))
        of = {str(name): int(count) for name, count in row.items()}
        what = "of the answers are not followed by the track they recommended"
        share = (of["broken_links"], of["links"])
        yield _share("followed", "Answers followed", arm, share, what, INCOMPLETE, cut, allowed)
        what = "of the sessions do not begin with a full play (time 1.0)"
        share = (of["without_start"], of["sessions"])
        yield _share("starts", "Session starts", arm, share, what, INCOMPLETE, cut, allowed)
        what = "of the sessions have no end (`last`)"
        share = (of["without_end"] - of["still_open"], of["sessions"] - of["still_open"])
        yield _share("ends", "Session ends", arm, share, what, INCOMPLETE, cut, allowed)
        what = "of the answers came from the fallback, not from the treatment's recommender"
        share = (of["fallback_answers"], of["answers"] if of["told_recommenders"] else 0)
        yield _share("fallback", "Fallback", arm, share, what, FALLBACK, fallback, allowed)


def _shop_completeness(found: pd.DataFrame, allowed: Collection[str]) -> Iterator[Check]:
    cut, fallback = (INCOMPLETE_TOLD, INCOMPLETE_STOP), (FALLBACK_TOLD, FALLBACK_STOP)
    for row in found.to_dict("records"):
        arm = str(row.pop("treatment"))
        of = {str(name): int(count) for name, count in row.items()}
        what = "of the events that name an answer name one that the log does not have"
        share = (of["lost"], of["following"])
        yield _share("followed", "Answers followed", arm, share, what, INCOMPLETE, cut, allowed)
        what = "of the answers had no item"
        share = (of["empty_answers"], of["answers"])
        yield _share("empty", "Answers with items", arm, share, what, INCOMPLETE, cut, allowed)
        what = "of the answers came from the fallback, not from the treatment's recommender"
        share = (of["fallback_answers"], of["answers"])
        yield _share("fallback", "Fallback", arm, share, what, FALLBACK, fallback, allowed)


_ADVICE = {
    INCOMPLETE: "The log is not whole (lines lost, or the log of one of several services): "
    "read all of it, or judge what is there with --allow-incomplete.",
    FALLBACK: "Many answers are not what is compared: see why the service's Redis was slow or "
    "away, or judge them with --allow-fallback.",
}


def _share(
    name: str,
    title: str,
    arm: str,
    share: tuple[int, int],
    what: str,
    allowance: str,
    bounds: tuple[float, float],
    allowed: Collection[str],
) -> Check:
    part, whole = share
    if not whole:
        return Check(name, title, "unknown", "the log does not tell", arm)
    text = f"{share_text(part, whole)} {what}"
    if part > bounds[1] * whole and part >= _FEWEST and allowance not in allowed:
        return Check(name, title, "stop", text, arm, _ADVICE[allowance])
    return Check(name, title, "note" if part > bounds[0] * whole else "ok", text, arm)


def _values(aggregates: Aggregates) -> Iterator[Check]:
    """Are users, and sessions, without a value as frequent in each treatment as in the control?

    Users who leave without a `last` have no session time; if one recommender makes them leave
    more often, its remaining users are not comparable with the control's.
    """
    frames = {arm.treatment: aggregates.of(arm.treatment) for arm in aggregates.arms}
    control = aggregates.control
    looked_at = list(_LACKING.items()) if aggregates.source == "log" else []
    for metric in aggregates.metrics.primaries:
        lacks = _lacks_value(aggregates.users, metric)
        of_log = (
            aggregates.source == "log" and (lacks == (aggregates.users["sessions"] == 0)).all()
        )
        if not of_log:
            looked_at.append(
                (metric.name, (f"Users with {metric.called}", f"users without {metric.called}"))
            )
    for treatment, rows in frames.items():
        if treatment == control:
            continue
        for name, (title, what) in looked_at:
            counts = [_missing(frame, name, aggregates) for frame in (frames[control], rows)]
            p = share_p(*counts)
            compared = " against ".join(
                share_text(int(missing.sum()), int(all_.sum())) for missing, all_ in counts[::-1]
            )
            text = f"{what}: {compared} in {control}"
            if p is None:
                yield Check(name, title, "ok", text, treatment)
                continue
            text += f" (chi-squared, p = {p:.2g})"
            advice = "What is left of the two arms is not comparable: find out who is missing."
            status: Status = "stop" if p < VALUE_P else "ok"
            yield Check(name, title, status, text, treatment, advice if p < VALUE_P else "")


_LACKING = {
    "users_with_value": ("Users with a value", "users without a finished session"),
    "sessions_with_end": ("Sessions with an end", "sessions without an end"),
}


def _missing(
    users: pd.DataFrame, name: str, aggregates: Aggregates
) -> "tuple[pd.Series[float], pd.Series[float]]":
    """Values that each user lacks, and could have; `name` of _LACKING or of a metric."""
    one = pd.Series(1.0, users.index)
    if name == "users_with_value":
        return (users["sessions"] == 0).astype(float), one
    if name == "sessions_with_end":
        unfinished = users["unfinished"].astype(float)
        return unfinished, unfinished + users["sessions"]
    lacks = _lacks_value(users, aggregates.metrics[name])
    return pd.Series(lacks.astype(float), users.index), one


def _lacks_value(users: pd.DataFrame, metric: Metric) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = metric.sums(users)[1] == 0
    return found
