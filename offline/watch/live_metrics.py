"""Which metrics can be followed live: those with additive sums."""

from collections.abc import Sequence

import duckdb

from offline.errors import InputError
from offline.experiment.aggregates.metric_sql import adds_up
from offline.experiment.metrics import Metric, Metrics

COLUMNS = (
    "treatment, message, timestamp, time, latency, track, recommendation, recommender,"
    " experiments, run, world_version, model_version"
)
"""Columns of an event that a metric may use. Sessions, and the recommender with most answers of a
treatment, can only be computed from the whole log."""
_EMPTY = """
CREATE TABLE events (
    treatment VARCHAR, message VARCHAR, timestamp BIGINT, time DOUBLE, latency DOUBLE,
    track BIGINT, recommendation BIGINT, recommender VARCHAR, experiments VARCHAR, run VARCHAR,
    world_version VARCHAR, model_version VARCHAR
)
"""


def check_live(metrics: Metrics) -> None:
    """Raises InputError that names the first primary metric that cannot be followed, and why."""
    with duckdb.connect() as connection:
        connection.execute(_EMPTY)
        for metric in metrics.primaries:
            if why := _fault(connection, metric):
                raise InputError(f"metric {metric.name} cannot be followed live: {why}")


def _fault(connection: duckdb.DuckDBPyConnection, metric: Metric) -> str | None:
    if metric.source != "events":
        return "it is over sessions, which are cut out of the whole log (`from: sessions`)"
    if not adds_up(metric):
        return "new lines cannot be added to it: its SQL must be one SUM or one COUNT of lines"
    for sql in (metric.numerator, metric.denominator):
        if sql is None:
            continue
        try:
            connection.execute(f"SELECT CAST({sql} AS DOUBLE) FROM events")
        except duckdb.Error as error:
            return f"its SQL may name {COLUMNS}: {str(error).splitlines()[0]}"
    return None


def correction(primaries: Sequence[Metric], treatments: int, alpha: float) -> str:
    """How intervals of several treatments and metrics are adjusted to hold together."""
    together = f"{100 * (1 - alpha):.6g} %"
    comparisons = len(primaries) * treatments
    if comparisons < 2:
        return f"one comparison: its interval holds at all looks at once with {together}"
    counted = [
        f"{count} {noun}{'s' if count > 1 else ''}"
        for count, noun in ((treatments, "treatment"), (len(primaries), "primary metric"))
    ]
    return (
        f"{comparisons} comparisons ({' × '.join(counted)}): their intervals hold together, at "
        f"all looks at once, with {together}; each is made at "
        f"{100 * (1 - alpha / comparisons):.6g} % (Bonferroni)"
    )
