"""The state of a running experiment: sums, never lines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from offline.experiment.aggregates.assignment import (
    CONTROL,
    judged_of,
    natural_order,
)
from offline.experiment.aggregates.metric_sql import columns_of
from offline.experiment.aggregates.provenance import provenance_of, read_published, records_beside
from offline.experiment.aggregates.summary import Aggregates, Arm, Quality
from offline.experiment.checks.log_checks import Check, run_checks
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.logs.bad_lines import Skipped
from offline.watch.batch import Batch, Sizes
from offline.watch.timeline import Timeline
from offline.watch.users import SEVERAL, Ints, Users

RECENT = 1000
_GAPS = 20
"""Multiple of the mean gap between two requests: users with an event so recently may still be
listening, as in completeness.sql."""
_AT_THE_END = ("users_with_value", "sessions_with_end")
"""Checks that do not apply to a running experiment: users who began late have no finished
session yet."""
_PROVENANCE = [
    *("treatment", "experiments", "run", "world_version", "model_version"),
    *("lines", "first_timestamp", "last_timestamp"),
]
"""Columns of provenance.sql."""


@dataclass(eq=False)
class State:
    """The events read so far, as sums; `add` takes new ones."""

    metrics: Metrics = field(default_factory=built_in)
    users: Users = field(default_factory=Users)
    timeline: Timeline = field(init=False)
    skipped: Skipped = field(default_factory=lambda: Skipped(0, 0))
    sizes: Sizes = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """Of lines: events, inside, kept, repeated, late, in_several."""
    doubts: Counter[str] = field(default_factory=Counter)
    """Reasons to re-read the whole log, with counts."""
    known: set[str] = field(default_factory=set)
    """Names of the experiments in the log."""
    span: tuple[int, int] | None = None
    recent: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    completeness: pd.DataFrame = field(default_factory=pd.DataFrame)
    provenance: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_PROVENANCE))
    notes: dict[str, None] = field(default_factory=dict)
    of_times: tuple[str, ...] = ()
    """A note on the timestamps."""

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.metrics.primaries)

    def add(self, batch: Batch) -> None:
        """Take over what new lines add; the users have it already."""
        self.skipped = _both(self.skipped, batch.skipped)
        self.sizes = batch.sizes
        self.counts.update(
            {
                "events": batch.events,
                "inside": batch.inside,
                "kept": batch.kept,
                "repeated": batch.repeated,
                "late": batch.late,
                "in_several": batch.in_several,
            }
        )
        self.known |= set(batch.known)
        self.span = batch.span
        self.recent = np.sort(np.concatenate([self.recent, batch.recent]))[-RECENT:]
        frames = [frame for frame in (self.completeness, batch.completeness) if len(frame)]
        if frames:
            self.completeness = pd.concat(frames).groupby(level=0).sum()
        self.provenance = _merged(self.provenance, batch.provenance)
        self.notes |= dict.fromkeys(batch.notes)
        self.of_times = batch.of_times
        behind = self.timeline.add(batch.periods, batch.period, self.users)
        self.doubts.update(
            {
                "lines that come late or repeat earlier ones": batch.late,
                "lines of periods that were over": behind,
                "users who changed their treatment": batch.moved,
            }
        )

    @property
    def newest(self) -> int | None:
        """Timestamp of the youngest event; ms."""
        return int(self.recent[-1]) if len(self.recent) else None

    @property
    def usual_gap(self) -> float | None:
        """Mean seconds between the last thousand events."""
        if len(self.recent) < 2:
            return None
        return float(self.recent[-1] - self.recent[0]) / 1000 / (len(self.recent) - 1)


def aggregates_of(
    state: State, experiment: str, files: Sequence[Path], declared: Sequence[str] | None
) -> Aggregates:
    """What the state has of that which `analyze` works on: enough for `run_checks`.

    `users` is empty: a state has users as arrays.
    """
    sessions, lines = state.timeline.sums()[:2]
    treatment = state.users.treatment
    counts = np.bincount(treatment[treatment >= 0], minlength=len(state.users.treatments))
    users = {name: int(count) for name, count in zip(state.users.treatments, counts, strict=True)}
    users = {name: count for name, count in users.items() if count}
    judged = judged_of(users, declared) if users else ()
    arms = []
    for name in judged:
        own = np.zeros(len(treatment), bool)
        if name in users:
            own = treatment == state.users.treatments.index(name)
        arms.append(
            Arm(
                treatment=name,
                users=int(own.sum()),
                lines=int(lines[own].sum()),
                sessions=int(sessions[own].sum()),
                unfinished=_unfinished(state, name),
                users_without_session=int((sessions[own] == 0).sum()),
            )
        )
    quality = Quality(
        files=tuple(map(str, files)),
        lines=state.skipped.lines,
        bad_lines=state.skipped.bad,
        bad=(),
        lines_outside=state.counts["events"] - state.counts["inside"],
        duplicates=state.counts["repeated"],
        lines_in_several=state.counts["in_several"],
        backwards=0,
        dropped_lines=0,
        dropped_users=(),
        users_in_several=int(np.count_nonzero(treatment == SEVERAL)),
        first_timestamp=state.span[0] if state.span else 0,
        last_timestamp=state.span[1] if state.span else 0,
        events_per_hour={},
        skipped=state.skipped,
    )
    published = read_published(records_beside(files))
    empty = pd.DataFrame(columns=["treatment"])
    sums = columns_of(state.metrics.primaries)
    return Aggregates(
        experiment=experiment,
        arms=tuple(sorted(arms, key=lambda arm: natural_order(arm.treatment))),
        users=pd.DataFrame(columns=["treatment", "sessions", "unfinished", *sums]),
        lengths=empty,
        periods=empty,
        period_name=state.timeline.period,
        coverage=empty,
        latencies=empty,
        completeness=_whole(state, judged),
        provenance=provenance_of(_of(state.provenance, judged), published),
        versions_of={},
        recommenders={},
        quality=quality,
        has_catalog=False,
        metrics=state.metrics,
        progress={},
        strays={name: count for name, count in users.items() if name not in judged},
    )


def checks_of(aggregates: Aggregates) -> tuple[Check, ...]:
    """The checks of `run_checks` that apply to a running experiment."""
    if not aggregates.provenance.told and not len(aggregates.completeness):
        return ()
    return tuple(check for check in run_checks(aggregates) if check.name not in _AT_THE_END)


def is_comparable(aggregates: Aggregates) -> bool:
    """Whether there is a control and something to compare with it."""
    names = [arm.treatment for arm in aggregates.arms if arm.users]
    return CONTROL in names and len(names) > 1


def _unfinished(state: State, treatment: str) -> int:
    if treatment not in state.completeness.index:
        return 0
    return int(state.completeness["without_end"].loc[[treatment]].sum())


def _whole(state: State, judged: tuple[str, ...]) -> pd.DataFrame:
    """The counts of completeness.sql, with `still_open`, which is not additive over batches."""
    found = state.completeness
    if not len(found):
        return pd.DataFrame({"treatment": []})
    found = found[found.index.isin(judged)]
    gaps = int(found["gaps"].sum())
    recent = state.span[1] if state.span else 0.0
    if gaps:
        recent -= _GAPS * int(found["gaps_ms"].sum()) / gaps
    open_now = [state.users.still_open(str(name), recent) for name in found.index]
    return found.assign(still_open=open_now).rename_axis("treatment").reset_index()


def _of(provenance: pd.DataFrame, judged: tuple[str, ...]) -> pd.DataFrame:
    return provenance[provenance["treatment"].isin(judged)] if len(provenance) else provenance


def _merged(known: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Rows of provenance.sql, of both."""
    if not len(known) or not len(new):
        return new if len(new) else known
    found = pd.concat([known, new]).groupby(_PROVENANCE[:5], dropna=False, as_index=False)
    return found.agg(
        lines=("lines", "sum"),
        first_timestamp=("first_timestamp", "min"),
        last_timestamp=("last_timestamp", "max"),
    )


def _both(known: Skipped, new: Skipped) -> Skipped:
    faults = Counter(known.faults)
    faults.update(new.faults)
    return Skipped(known.lines + new.lines, known.bad + new.bad, (), dict(faults))
