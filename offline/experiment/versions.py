"""The effect while each set of models was in service."""

from dataclasses import dataclass

import numpy as np

from offline.experiment.aggregate import Aggregates
from offline.experiment.assignment import CONTROL
from offline.experiment.comparison import Comparison, compare_samples
from offline.experiment.sample import Sample


@dataclass(frozen=True)
class VersionEffect:
    """One span between two changes of a model; `since` and `until` in ms, None where open."""

    treatment: str
    since: int | None
    until: int | None
    comparison: Comparison


def version_effects(aggregates: Aggregates, treatment: str) -> tuple[VersionEffect, ...]:
    """Of the session time, over the users with a session that began in the span; () for one span.

    A user counts in each span with what it did there.
    """
    edges = [None, *aggregates.provenance.boundaries(), None]
    if len(edges) == 2:
        return ()
    found = []
    for number in range(len(edges) - 1):
        rows = aggregates.versions[aggregates.versions["number"] == number]
        sides = [
            _sample(
                rows[rows["treatment"] == arm].loc[:, ["sessions", "total_time"]].to_numpy(float)
            )
            for arm in (CONTROL, treatment)
        ]
        compared = compare_samples(treatment, "mean_session_time", *sides)
        found.append(VersionEffect(treatment, edges[number], edges[number + 1], compared))
    return tuple(found)


def _sample(sums: np.ndarray) -> Sample:
    """From sessions and their time, shape (n, 2)."""
    sessions, time = sums[:, 0], sums[:, 1]
    return Sample.of(np.divide(time, sessions, out=np.full(len(sums), np.nan), where=sessions > 0))
