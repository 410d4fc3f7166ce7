"""The options of `analyze` that are about a table of somebody's own."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import duckdb

from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.aggregates.table_metrics import table_metrics
from offline.experiment.aggregates.tables import TableInput, aggregate_table
from offline.experiment.checks.declared import declared_weights
from offline.experiment.metric_files import read_table_metrics
from offline.experiment.metrics import Metrics

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--table",
        multiple=True,
        metavar="FILE",
        help="Instead of LOGS: a table (.csv, .csv.gz, .parquet) with one row per user. May be "
        "repeated; NAME=FILE where each file is a treatment.",
    ),
    click.option(
        "--events",
        multiple=True,
        metavar="FILE",
        help="The same with one row per event: --metric revenue=SUM(value).",
    ),
    click.option(
        "--unit", metavar="COLUMN", help="Column of the user; without it each row is a user."
    ),
    click.option("--treatment", metavar="COLUMN", help="Column of the treatment."),
    click.option("--control", metavar="VALUE", help="Value of the control."),
    click.option(
        "--metric",
        multiple=True,
        metavar="COLUMN",
        help="Column of a metric, the primary one first; or NAME=SQL over the columns.",
    ),
    click.option(
        "--denominator",
        multiple=True,
        metavar="COLUMN",
        help="A metric is the ratio of its sum and this one's; METRIC=COLUMN for one of several.",
    ),
    click.option(
        "--before-column",
        multiple=True,
        metavar="COLUMN",
        help="Column with the user's value before the experiment, for CUPED; "
        "METRIC=COLUMN for one.",
    ),
    click.option(
        "--time", metavar="COLUMN", help="Column of the time: a date and time, or s, ms, µs or ns."
    ),
    click.option(
        "--lower-is-better",
        multiple=True,
        metavar="METRIC",
        help="A metric of which less is better.",
    ),
)


def table_options(command: F) -> F:
    """Add them to a command, which gets their values by name."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_table(said: Mapping[str, Any]) -> bool:
    """Whether a table is to be read; raises InputError for what is about tables without one."""
    if said["table"] and said["events"]:
        raise InputError("--table is a row per user, --events a row per event: give one of them")
    if said["table"] or said["events"]:
        return True
    for name, value in said.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} is of a table: add --table FILE, or --events FILE")
    return False


def refuse_of_logs(**of_logs: object) -> None:
    """Raises InputError for options that are about logs only."""
    for name, value in of_logs.items():
        if value:
            option = "LOGS" if name == "logs" else f"--{name.replace('_', '-')}"
            more = {
                "before": ": --before-column is its period before",
                "interaction": ": it needs LOGS, which name every experiment of a user",
                "triggered": ": it needs LOGS, which name every experiment of a user",
            }.get(name, "")
            raise InputError(f"{option} and a table do not go together{more}")


def metrics_of_table(
    said: Mapping[str, Any], file: Path | None, primary: Sequence[str]
) -> Metrics:
    """The metrics that the options and a file name."""
    found = table_metrics(
        said["metric"],
        said["denominator"],
        said["before_column"],
        said["lower_is_better"],
        by_event=bool(said["events"]),
        known=None if file is None else read_table_metrics(file),
    )
    return found.with_primaries(primary)


def read_aggregates(
    said: Mapping[str, Any],
    metrics: Metrics,
    experiment: str | None,
    drop: Sequence[str],
    shares: Mapping[str, float] | None,
) -> Aggregates:
    """The table reduced to its users."""
    asked = said["table"] or said["events"]
    named = said["treatment"] is not None
    files = tuple((None, Path(text)) if named else _named_file(text) for text in asked)
    given = TableInput(
        files,
        said["unit"],
        said["treatment"],
        bool(said["events"]),
        said["time"],
        said["control"],
    )
    if given.by_event and given.unit is None:
        raise InputError("--events needs --unit: the column with the user of an event")
    with tempfile.TemporaryDirectory(prefix="botify-table-") as scratch:
        connection = duckdb.connect(f"{scratch}/table.duckdb")
        try:
            return aggregate_table(
                connection,
                given,
                metrics,
                title=experiment or "",
                drop=drop,
                declared=None if shares is None else list(shares),
            )
        finally:
            connection.close()


def shares_of_table(
    experiment: str | None,
    weights: str | None,
    treatments: str | None,
    config: Path | None,
    service: str | None,
) -> dict[str, float] | None:
    """As `declared_weights`; a config has to be told which experiment."""
    if experiment is None and (config is not None or service is not None):
        raise InputError("--config and --service with a table need --experiment: its name there")
    return declared_weights(experiment or "", weights, treatments, config, service)


def _named_file(text: str) -> tuple[str, Path]:
    """`T1=treated.csv`."""
    name, is_named, path = text.partition("=")
    if not is_named or not name.strip() or not path:
        raise InputError(
            f"--table {text}: say which column has the treatment by --treatment, or name each "
            "file's: --table C=control.csv --table T1=treated.csv"
        )
    return name.strip(), Path(path)
