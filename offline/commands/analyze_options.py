"""The options of `analyze`, grouped by what they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from offline.commands._common import (
    Command,
    Planned,
    grouped,
    planned_treatments_options,
    read_users,
    weights_option,
)
from offline.experiment.analysis import Options
from offline.experiment.checks.log_checks import BAD, FALLBACK, INCOMPLETE, MIXED
from offline.experiment.guardrails import parse_margins
from offline.experiment.metric_files import built_in, read_metrics
from offline.experiment.metrics import Metrics
from offline.experiment.report.run_info import RunInfo, load_run_info
from offline.experiment.stats.capping import check_percentile
from offline.experiment.stats.effects import ALPHA
from offline.logs.forms import FORMS, Face
from offline.logs.line_filter import LineFilter, parse_moment

_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option(
        "--face",
        type=click.Choice(list(FORMS)),
        help="What the logs are of. [default: as the first line of LOGS says]",
    ),
    click.option(
        "--experiment",
        help="Name of the experiment, as in the logs; needed where they have several.",
    ),
    click.option(
        "--before",
        multiple=True,
        metavar="LOGS",
        help="The same users' logs from before the experiment, for CUPED; may be repeated.",
    ),
    weights_option,
    click.option(
        "--treatments", help="Treatments to compare, such as C,T1; others in the log are left out."
    ),
    planned_treatments_options,
    click.option("--run", help="Use only the lines of this run."),
    click.option("--version", help="Use only the time in which this model version was served."),
    click.option(
        "--since", help="Use only lines from this time on: 2026-11-30T08:00 (UTC), or ms."
    ),
    click.option("--until", help="Use only lines before this time."),
    click.option(
        "--published",
        type=_FILE,
        multiple=True,
        help="Record of when versions were put into service "
        "[default: published.jsonl beside the logs].",
    ),
    click.option(
        "--allow-mixed",
        is_flag=True,
        help="Accept several runs, worlds or models as if they were one.",
    ),
    click.option("--allow-bad", is_flag=True, help="Accept logs with more than 5 % of bad lines."),
    click.option(
        "--allow-incomplete",
        is_flag=True,
        help="Accept logs with more than 5 % of incomplete sessions or answers.",
    ),
    click.option(
        "--allow-fallback",
        is_flag=True,
        help="Accept treatments with more than 1 % of answers from the fallback.",
    ),
    click.option(
        "--guardrail",
        "margins",
        multiple=True,
        metavar="METRIC=PERCENT",
        help="A metric that must not get worse by more than this percentage; METRIC=off removes "
        "one. [default: as the metrics say: sessions=10]",
    ),
    click.option(
        "--metrics",
        "metrics_file",
        type=_FILE,
        help="Path to a file of your own metrics, such as config/metrics.yml.",
    ),
    click.option(
        "--primary",
        multiple=True,
        metavar="METRIC",
        help="Primary metric; may be repeated, with Holm's adjustment. "
        "[default: as the metrics say: mean_session_time]",
    ),
    click.option(
        "--alpha",
        type=float,
        default=ALPHA,
        show_default=True,
        help="Significance level: the accepted chance of a false alarm.",
    ),
    click.option(
        "--sequential",
        is_flag=True,
        help="Use the always-valid interval, so that the verdict may be read before the end.",
    ),
    click.option(
        "--cuped",
        is_flag=True,
        help="Use CUPED for the verdict, looks and guardrails (needs --before); decide on this "
        "before you see results.",
    ),
    click.option(
        "--cap",
        type=float,
        metavar="PERCENTILE",
        help="Cap each user's sums at this percentile of all users, such as 99.9.",
    ),
    click.option(
        "--drop-users",
        metavar="IDS",
        help="Users to leave out, such as robots: 12,345 or a file with one id a line.",
    ),
    click.option("--catalog", type=_FILE, help="Path to tracks.json (adds artist metrics)."),
    click.option("--out", type=_FILE, help="Write the report page (HTML) to this file."),
    click.option("--json", "json_out", type=_FILE, help="Write all results as JSON to this file."),
    click.option(
        "--csv",
        "csv_out",
        type=_FILE,
        help="Write a CSV row for each treatment and metric to this file.",
    ),
    click.option(
        "--run-info",
        type=_FILE,
        help="JSON object to show on the page (seed, versions, sizes; groups allowed);"
        ' its key "treatments", {"T1": "DAE"}, names the treatments.',
    ),
)


@dataclass(frozen=True)
class InputOptions:
    """What is read, beside LOGS."""

    face: Face | None
    experiment: str | None
    before: tuple[str, ...]
    run: str | None
    version: str | None
    since: str | None
    until: str | None
    published: tuple[Path, ...]
    drop_users: str | None
    catalog: Path | None
    engine: str

    def users_to_drop(self) -> Sequence[str]:
        """Raises InputError where --drop-users names no user."""
        return [] if self.drop_users is None else read_users(self.drop_users)

    def line_filter(self) -> LineFilter:
        """Raises InputError where --since or --until is no time."""
        since, until = parse_moment("--since", self.since), parse_moment("--until", self.until)
        return LineFilter(self.run, self.version, since, until)


@dataclass(frozen=True)
class AnalysisOptions:
    """How the experiment is analysed, and what does not stop the verdict."""

    margins: tuple[str, ...]
    metrics_file: Path | None
    primary: tuple[str, ...]
    alpha: float
    sequential: bool
    cuped: bool
    cap: float | None
    allow_mixed: bool
    allow_bad: bool
    allow_incomplete: bool
    allow_fallback: bool

    def metrics_of_log(self, face: Face) -> Metrics:
        """The built-in metrics, or those of --metrics. Raises InputError."""
        file = self.metrics_file
        metrics = built_in(face) if file is None else read_metrics(file, face)
        return metrics.with_primaries(self.primary)

    def options(self, metrics: Metrics) -> Options:
        """For an experiment with these metrics. Raises InputError."""
        allowed = {
            BAD: self.allow_bad,
            INCOMPLETE: self.allow_incomplete,
            FALLBACK: self.allow_fallback,
            MIXED: self.allow_mixed,
        }
        return Options(
            margins=parse_margins(self.margins, metrics),
            alpha=self.alpha,
            sequential=self.sequential,
            cuped=self.cuped,
            cap=None if self.cap is None else check_percentile(self.cap),
            allowed=tuple(name for name, flag in allowed.items() if flag),
        )


@dataclass(frozen=True)
class OutputOptions:
    """Where results are written."""

    out: Path | None
    json_out: Path | None
    csv_out: Path | None
    run_info: Path | None

    def info(self) -> RunInfo:
        """What --run-info has for the page. Raises InputError."""
        return RunInfo() if self.run_info is None else load_run_info(self.run_info)


def analyze_options(command: Command) -> Command:
    """Give the command these options, as `source`, `planned`, `how` and `output`.

    `source` has the engine too, whose option is the last of the command.
    """
    for argument, group in (
        ("source", InputOptions),
        ("planned", Planned),
        ("how", AnalysisOptions),
        ("output", OutputOptions),
    ):
        command = grouped(argument, group)(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
