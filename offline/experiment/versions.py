"""The effect while each set of models was in service."""

from dataclasses import dataclass

from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metrics import Metric
from offline.experiment.stats.comparison import Comparison, compare_samples
from offline.experiment.stats.effects import ALPHA
from offline.experiment.stats.sample import Sample

SUMS = ["above", "below"]


@dataclass(frozen=True)
class VersionEffect:
    """One span between two changes of a model; `since` and `until` in ms, None where open."""

    treatment: str
    since: int | None
    until: int | None
    comparison: Comparison


def version_effects(
    aggregates: Aggregates, treatment: str, metric: Metric, alpha: float = ALPHA
) -> tuple[VersionEffect, ...]:
    """Of a primary metric, over the users with a session that began in the span; () for one span.

    A user counts in each span with what it did there.
    """
    edges = [None, *aggregates.provenance.boundaries(), None]
    if len(edges) == 2:
        return ()
    found = []
    for number in range(len(edges) - 1):
        sums = aggregates.versions_of[metric.name]
        rows = sums[sums["number"] == number]
        arms = [
            Sample(*metric.combined(*rows[rows["treatment"] == arm][SUMS].to_numpy(float).T))
            for arm in (aggregates.control, treatment)
        ]
        compared = compare_samples(treatment, metric.name, *arms, alpha=alpha)
        found.append(VersionEffect(treatment, edges[number], edges[number + 1], compared))
    return tuple(found)
