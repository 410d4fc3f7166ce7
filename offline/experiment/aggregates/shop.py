"""From the open log of a shop to the small tables that the statistics work on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from offline.errors import InputError
from offline.experiment.aggregates.assignment import Assignment, natural_order
from offline.experiment.aggregates.metric_sql import cut_into_sessions, per_span, with_progress
from offline.experiment.aggregates.parts import (
    NO_VERSIONS,
    SQL,
    frame_of,
    groups_of,
    quality_of,
    save_recommenders,
    user_sums,
)
from offline.experiment.aggregates.provenance import (
    provenance_of,
    read_published,
    records_beside,
    save_spans,
)
from offline.experiment.aggregates.summary import PERIODS, Aggregates, Arm, period_of
from offline.experiment.metrics import Metrics
from offline.logs.reader import EventLog

_BEFORE = """
SELECT COUNT(*), COUNT(DISTINCT user_id)
FROM events
WHERE message = 'event' AND experiments = '{}'
"""


def reduce_shop(
    log: EventLog,
    experiment: str,
    assignment: Assignment,
    metrics: Metrics,
    published: Sequence[Path] = (),
) -> Aggregates:
    """The aggregates of a shop's experiment, or of all visitors.

    A visitor's events count from the visitor's first answer on. Raises InputError as `aggregate`.
    """
    engine = log.engine
    engine.run((SQL / "shop_experiment_events.sql").read_text())
    if not engine.rows("SELECT COUNT(*) FROM numbered_events")[0][0]:
        raise InputError(
            f"experiment {experiment}: every visitor was seen in several treatments, so "
            "none can be judged; visitors must keep their treatment"
        )
    recommenders = save_recommenders(engine, list(assignment.lines))
    engine.run((SQL / "metric_events.sql").read_text())
    cut_into_sessions(engine, metrics.primaries, "shop_sessions")
    users = user_sums(engine, metrics, "shop_per_user")
    lengths = frame_of(engine, "session_lengths")
    whole = frame_of(engine, "shop_completeness")
    quality = quality_of(log, assignment)
    quality = replace(quality, notes=(*quality.notes, *_notes(log, whole)))
    first, last = quality.first_timestamp, quality.last_timestamp
    period = period_of(first, last)
    text = (SQL / "shop_per_period.sql").read_text()
    periods, followed = with_progress(
        engine, text, metrics.primaries, PERIODS[period], first, last
    )
    records = read_published([*records_beside(log.files), *published])
    provenance = provenance_of(frame_of(engine, "provenance"), records)
    versions = {metric.name: NO_VERSIONS for metric in metrics.primaries}
    if save_spans(engine, provenance):
        versions = per_span(engine, metrics.primaries)
    groups = groups_of(users)
    engine.register("user_groups", pa.Table.from_pandas(groups, preserve_index=False))
    return Aggregates(
        experiment,
        tuple(_arm(name, users) for name in sorted(assignment.lines, key=natural_order)),
        users,
        lengths,
        periods,
        period,
        pd.DataFrame({"treatment": [], "coverage_group": [], "tracks": []}),
        frame_of(engine, "latencies"),
        whole,
        provenance,
        versions,
        recommenders,
        quality,
        False,
        metrics,
        followed,
        assignment.strays,
        source="shop",
    )


def _arm(treatment: str, users: pd.DataFrame) -> Arm:
    own = users[users["treatment"] == treatment]
    return Arm(treatment, len(own), int(own["lines"].sum()), int(own["sessions"].sum()), 0, 0)


def _notes(log: EventLog, whole: pd.DataFrame) -> list[str]:
    """What is left out, or not known, of what visitors did."""
    notes = []
    [(events, visitors)] = log.engine.rows(_BEFORE)
    if events:
        notes.append(
            f"{events:,} events of {visitors:,} visitors lie before the visitor's first answer in "
            "an experiment, and are left out"
        )
    bought, priced = (int(whole[name].sum()) for name in ("purchases", "priced"))
    if priced and priced < bought:
        notes.append(f"{bought - priced:,} of {bought:,} purchases have no price: no revenue")
    return notes
