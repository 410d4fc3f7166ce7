"""`botify-offline analyze`: event logs -> effect table, report page."""

import json
from pathlib import Path

import click

from offline.commands.engine_option import engine_option
from offline.commands.output import write_text
from offline.experiment.aggregate import aggregate, aggregate_all
from offline.experiment.analysis import Options, analyse
from offline.experiment.guardrails import parse_margins
from offline.experiment.health import health_text, parse_weights
from offline.experiment.report import render_report
from offline.experiment.result import (
    as_json,
    as_text,
    guardrail_text,
    more_text,
    quality_text,
)
from offline.experiment.run_info import RunInfo, load_run_info
from offline.experiment.verdict import verdicts
from offline.log_lines import list_bad_lines
from offline.logs import open_logs

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--experiment", required=True, help="Name of the experiment, as in the logs.")
@click.option(
    "--before",
    multiple=True,
    metavar="LOGS",
    help="The same users' logs from before the experiment, for CUPED; may be repeated.",
)
@click.option("--weights", help="C=9,T1=1 where the split was not into equal shares.")
@click.option(
    "--guardrail",
    "margins",
    multiple=True,
    metavar="METRIC=PERCENT",
    help="A metric that must not get worse by more; METRIC=off takes one away. "
    "[default: sessions=10]",
)
@click.option(
    "--sequential",
    is_flag=True,
    help="The verdict may be looked at before the end: it rests on the always-valid interval.",
)
@click.option("--catalog", type=_FILE, help="tracks.json, which tells the artists.")
@click.option("--out", type=_FILE, help="Write the report page (HTML) here.")
@click.option("--json", "json_out", type=_FILE, help="Write everything as JSON here.")
@click.option(
    "--run-info",
    type=_FILE,
    help="JSON object to show on the page (seed, versions, sizes; groups allowed);"
    ' its key "treatments", {"T1": "DAE"}, names the treatments.',
)
@engine_option
def command(
    logs: tuple[str, ...],
    experiment: str,
    before: tuple[str, ...],
    weights: str | None,
    margins: tuple[str, ...],
    sequential: bool,
    catalog: Path | None,
    out: Path | None,
    json_out: Path | None,
    run_info: Path | None,
    engine: str,
) -> None:
    """Judge an A/B experiment from the service's logs.

    LOGS are files, directories (their data.json* files) or quoted patterns, of JSON Lines, JSON
    Lines in .gz or .zst, or .parquet.
    """
    info = RunInfo() if run_info is None else load_run_info(run_info)
    shares = None if weights is None else parse_weights(weights)
    options = Options(shares, parse_margins(margins), sequential)
    with open_logs(logs, engine) as log:
        aggregates = aggregate(log, experiment, catalog)
    earlier = None
    if before:
        with open_logs(before, engine) as log:
            earlier = aggregate_all(log, catalog)
    analysis = analyse(aggregates, earlier, options)
    sentences = verdicts(analysis, info.treatments)
    # Files first: a closed pipe (`| head`) must not cost the report.
    if json_out is not None:
        write_text(json_out, json.dumps(as_json(analysis, sentences), indent=2) + "\n")
    if out is not None:
        write_text(out, render_report(analysis, sentences, info))
    click.echo("\n".join(verdict.sentence for verdict in sentences))
    click.echo(f"\n{as_text(analysis.family)}\n")
    click.echo(f"{more_text(analysis)}\n")
    click.echo(health_text(analysis.ratio))
    if analysis.guardrails:
        click.echo(guardrail_text(analysis))
    click.echo(quality_text(aggregates))
    quality = aggregates.quality
    notes = [*quality.notes]
    if earlier is not None:
        notes += (f"--before: {note}" for note in earlier.quality.notes)
    click.echo("\n".join([*list_bad_lines(quality.skipped), *notes]))
    if out is not None:
        click.echo(f"report: {out}")
