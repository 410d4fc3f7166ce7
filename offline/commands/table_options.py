"""The options of `analyze` that are about a table of somebody's own."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import click
import duckdb

from offline.commands._common import Command, Planned, grouped
from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.aggregates.table_metrics import table_metrics
from offline.experiment.aggregates.tables import TableInput, aggregate_table
from offline.experiment.metric_files import read_table_metrics
from offline.experiment.metrics import Metrics

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


@dataclass(frozen=True)
class TableOptions:
    """What the options say; without a table all are empty."""

    table: tuple[str, ...]
    events: tuple[str, ...]
    unit: str | None
    treatment: str | None
    control: str | None
    metric: tuple[str, ...]
    denominator: tuple[str, ...]
    before_column: tuple[str, ...]
    time: str | None
    lower_is_better: tuple[str, ...]

    def is_given(self) -> bool:
        """Whether a table is to be read.

        Raises InputError for two kinds of table, and for what is about tables without one.
        """
        if self.table and self.events:
            raise InputError(
                "--table is a row per user, --events a row per event: give one of them"
            )
        if self.table or self.events:
            return True
        for field in fields(self):
            if getattr(self, field.name):
                option = f"--{field.name.replace('_', '-')}"
                raise InputError(f"{option} is of a table: add --table FILE, or --events FILE")
        return False

    def metrics(self, file: Path | None, primary: Sequence[str]) -> Metrics:
        """The metrics that the options and a file name."""
        found = table_metrics(
            self.metric,
            self.denominator,
            self.before_column,
            self.lower_is_better,
            by_event=bool(self.events),
            known=None if file is None else read_table_metrics(file),
        )
        return found.with_primaries(primary)

    def read(
        self,
        metrics: Metrics,
        experiment: str | None,
        drop: Sequence[str],
        shares: Mapping[str, float] | None,
    ) -> Aggregates:
        """The table reduced to its users."""
        asked = self.table or self.events
        named = self.treatment is not None
        files = tuple((None, Path(text)) if named else _named_file(text) for text in asked)
        given = TableInput(
            files, self.unit, self.treatment, bool(self.events), self.time, self.control
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


def table_options(command: Command) -> Command:
    """Give the command these options, as its argument `table`."""
    command = grouped("table", TableOptions)(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


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


def shares_of_table(experiment: str | None, planned: Planned) -> dict[str, float] | None:
    """As `Planned.shares`; a config has to be told which experiment."""
    if experiment is None and (planned.config is not None or planned.service is not None):
        raise InputError("--config and --service with a table need --experiment: its name there")
    return planned.shares(experiment or "")


def _named_file(text: str) -> tuple[str, Path]:
    """`T1=treated.csv`."""
    name, is_named, path = text.partition("=")
    if not is_named or not name.strip() or not path:
        raise InputError(
            f"--table {text}: say which column has the treatment by --treatment, or name each "
            "file's: --table C=control.csv --table T1=treated.csv"
        )
    return name.strip(), Path(path)
