"""Several experiments in one log: it is read and reduced once, then taken apart again.

Experiment i of the log has the treatments 2 i and 2 i + 1 of C, T1, T2, ... and users of its own,
so that each table of `Aggregates` has its rows by treatment.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from offline.experiment.aggregates.metric_sql import Progress
from offline.experiment.aggregates.summary import Aggregates

ARMS = ("C", "T1")
_TABLES = ("users", "lengths", "periods", "coverage", "latencies", "completeness")


def names_of(experiments: int) -> list[str]:
    """The treatments in the log of so many experiments."""
    return ["C", *(f"T{number}" for number in range(1, 2 * experiments))]


def taken_apart(pooled: Aggregates, experiments: int) -> Iterator[Aggregates]:
    """Each experiment as if the log had been its own; what was read of the log stays the whole's.

    The log must be whole: nothing says of which experiment a bad line would have been.
    """
    tables = {name: _by_treatment(getattr(pooled, name)) for name in _TABLES}
    followed = {name: _by_treatment(some.rows) for name, some in pooled.progress.items()}
    arms = {arm.treatment: arm for arm in pooled.arms}
    names = names_of(experiments)
    for pair in zip(names[::2], names[1::2], strict=True):
        yield replace(
            pooled,
            arms=tuple(
                replace(arms[old], treatment=new) for old, new in zip(pair, ARMS, strict=True)
            ),
            progress={
                name: Progress(_renamed(rows, pair), pooled.progress[name].whole)
                for name, rows in followed.items()
            },
            recommenders={
                new: pooled.recommenders[old] for old, new in zip(pair, ARMS, strict=True)
            },
            users=_renamed(tables["users"], pair),
            lengths=_renamed(tables["lengths"], pair),
            periods=_renamed(tables["periods"], pair),
            coverage=_renamed(tables["coverage"], pair),
            latencies=_renamed(tables["latencies"], pair),
            completeness=_renamed(tables["completeness"], pair),
        )


def _by_treatment(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    parts = table.groupby("treatment", sort=False)
    return {"": table.iloc[:0], **{str(name): rows for name, rows in parts}}


def _renamed(rows: dict[str, pd.DataFrame], pair: tuple[str, str]) -> pd.DataFrame:
    """The rows of both treatments in the order of the table."""
    own = [
        rows[old].assign(treatment=new) for old, new in zip(pair, ARMS, strict=True) if old in rows
    ]
    return pd.concat(own or [rows[""]]).sort_index().reset_index(drop=True)
