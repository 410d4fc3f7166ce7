"""`botify-offline analyze`: event logs -> effect table, report page."""

import json
from pathlib import Path

import click

from offline.errors import InputError
from offline.experiment.aggregate import aggregate
from offline.experiment.effects import effect_table
from offline.experiment.health import health_text, parse_weights, sample_ratio
from offline.experiment.report import render_report
from offline.experiment.result import as_json, as_text, quality_text
from offline.experiment.run_info import RunInfo, load_run_info
from offline.experiment.verdict import verdicts
from offline.log_lines import list_bad_lines
from offline.logs import open_logs


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--experiment", required=True, help="Name of the experiment, as in the logs.")
@click.option("--weights", help="C=9,T1=1 where the split was not into equal shares.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the report page (HTML) here.")
@click.option("--json", "json_out", type=click.Path(path_type=Path), help="Write the table here.")
@click.option(
    "--run-info",
    type=click.Path(path_type=Path),
    help="JSON object to show on the page (seed, versions, sizes; groups allowed);"
    ' its key "treatments", {"T1": "DAE"}, names the treatments.',
)
def command(
    logs: tuple[str, ...],
    experiment: str,
    weights: str | None,
    out: Path | None,
    json_out: Path | None,
    run_info: Path | None,
) -> None:
    """Judge an A/B experiment from the service's logs.

    LOGS are files, directories (their data.json* files) or quoted patterns, of JSON Lines, JSON
    Lines in .gz, or .parquet.
    """
    info = RunInfo() if run_info is None else load_run_info(run_info)
    with open_logs(logs) as log:
        aggregates = aggregate(log, experiment)
    effects = effect_table(aggregates)
    ratio = sample_ratio(aggregates, None if weights is None else parse_weights(weights))
    sentences = verdicts(aggregates, effects, info.treatments, ratio)
    # Files first: a closed pipe (`| head`) must not cost the report.
    if json_out is not None:
        _write(
            json_out, json.dumps(as_json(aggregates, effects, sentences, ratio), indent=2) + "\n"
        )
    if out is not None:
        _write(out, render_report(aggregates, effects, sentences, ratio, info))
    click.echo("\n".join(verdict.sentence for verdict in sentences))
    click.echo(f"\n{as_text(effects)}\n")
    click.echo(health_text(ratio))
    click.echo(quality_text(aggregates))
    quality = aggregates.quality
    click.echo("\n".join(list_bad_lines(quality.bad_lines, quality.bad)))
    if out is not None:
        click.echo(f"report: {out}")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
