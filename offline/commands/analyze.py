"""`botify-offline analyze`: event logs -> effect table, report page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from offline.commands._common import (
    engine_option,
    planned_treatments_options,
    read_users,
    weights_option,
    write_text,
)
from offline.commands.questions_option import Asked, questions_options
from offline.commands.table_options import (
    is_table,
    metrics_of_table,
    read_aggregates,
    refuse_of_logs,
    shares_of_table,
    table_options,
)
from offline.commands.watch import followed_metrics, watch
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate, aggregate_all
from offline.experiment.aggregates.assignment import only_experiment
from offline.experiment.aggregates.metric_sql import check_metrics
from offline.experiment.aggregates.triggered import Above, above_of, dilution_of
from offline.experiment.aggregates.user_tables import read_user_tables
from offline.experiment.analysis import Options, analyse, check_alpha
from offline.experiment.checks.declared import declared_weights, running
from offline.experiment.checks.log_checks import BAD, FALLBACK, INCOMPLETE, MIXED, checks_text
from offline.experiment.checks.sample_ratio import health_text
from offline.experiment.guardrails import parse_margins
from offline.experiment.metric_files import built_in, read_metrics
from offline.experiment.questions.answers_text import answers_json, answers_text
from offline.experiment.questions.ask import answer
from offline.experiment.report.page import render_report
from offline.experiment.report.run_info import RunInfo, load_run_info
from offline.experiment.report.text import as_text, guardrail_text, more_text, quality_text
from offline.experiment.report.to_csv import as_csv
from offline.experiment.report.to_json import as_json
from offline.experiment.stats.capping import check_percentile
from offline.experiment.stats.effects import ALPHA
from offline.experiment.verdict.notes import notes
from offline.experiment.verdict.rules import decide
from offline.experiment.verdict.verdict import verdicts
from offline.experiment.words import label, treatment_names
from offline.logs.bad_lines import list_bad_lines
from offline.logs.line_filter import LineFilter, parse_moment
from offline.logs.reader import open_logs
from offline.watch.batch import Question
from offline.watch.watcher import Watched

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("logs", nargs=-1)
@click.option(
    "--experiment", help="Name of the experiment, as in the logs; needed where they have several."
)
@click.option(
    "--before",
    multiple=True,
    metavar="LOGS",
    help="The same users' logs from before the experiment, for CUPED; may be repeated.",
)
@weights_option
@click.option(
    "--treatments", help="Treatments to compare, such as C,T1; others in the log are left out."
)
@planned_treatments_options
@click.option("--run", help="Use only the lines of this run.")
@click.option("--version", help="Use only the time in which this model version was served.")
@click.option("--since", help="Use only lines from this time on: 2026-11-30T08:00 (UTC), or ms.")
@click.option("--until", help="Use only lines before this time.")
@click.option(
    "--published",
    type=_FILE,
    multiple=True,
    help="Record of when versions were put into service "
    "[default: published.jsonl beside the logs].",
)
@click.option(
    "--allow-mixed",
    is_flag=True,
    help="Accept several runs, worlds or models as if they were one.",
)
@click.option("--allow-bad", is_flag=True, help="Accept logs with more than 5 % of bad lines.")
@click.option(
    "--allow-incomplete",
    is_flag=True,
    help="Accept logs with more than 5 % of incomplete sessions or answers.",
)
@click.option(
    "--allow-fallback",
    is_flag=True,
    help="Accept treatments with more than 1 % of answers from the fallback.",
)
@click.option(
    "--guardrail",
    "margins",
    multiple=True,
    metavar="METRIC=PERCENT",
    help="A metric that must not get worse by more than this percentage; METRIC=off removes one. "
    "[default: as the metrics say: sessions=10]",
)
@click.option(
    "--metrics",
    "metrics_file",
    type=_FILE,
    help="Path to a file of your own metrics, such as config/metrics.yml.",
)
@click.option(
    "--primary",
    multiple=True,
    metavar="METRIC",
    help="Primary metric; may be repeated, with Holm's adjustment. "
    "[default: as the metrics say: mean_session_time]",
)
@click.option(
    "--alpha",
    type=float,
    default=ALPHA,
    show_default=True,
    help="Significance level: the accepted chance of a false alarm.",
)
@click.option(
    "--sequential",
    is_flag=True,
    help="Use the always-valid interval, so that the verdict may be read before the end.",
)
@click.option(
    "--cuped",
    is_flag=True,
    help="Use CUPED for the verdict, looks and guardrails (needs --before); decide on this "
    "before you see results.",
)
@click.option(
    "--cap",
    type=float,
    metavar="PERCENTILE",
    help="Cap each user's sums at this percentile of all users, such as 99.9.",
)
@click.option(
    "--drop-users",
    metavar="IDS",
    help="Users to leave out, such as robots: 12,345 or a file with one id a line.",
)
@click.option("--catalog", type=_FILE, help="Path to tracks.json (adds artist metrics).")
@click.option("--out", type=_FILE, help="Write the report page (HTML) to this file.")
@click.option("--json", "json_out", type=_FILE, help="Write all results as JSON to this file.")
@click.option(
    "--csv",
    "csv_out",
    type=_FILE,
    help="Write a CSV row for each treatment and metric to this file.",
)
@click.option(
    "--run-info",
    type=_FILE,
    help="JSON object to show on the page (seed, versions, sizes; groups allowed);"
    ' its key "treatments", {"T1": "DAE"}, names the treatments.',
)
@questions_options
@table_options
@click.option(
    "--watch",
    "follow",
    is_flag=True,
    help="Follow the experiment while it runs, on a local page; see botify-offline watch.",
)
@engine_option
def command(
    logs: tuple[str, ...],
    experiment: str | None,
    before: tuple[str, ...],
    weights: str | None,
    treatments: str | None,
    config: Path | None,
    service: str | None,
    run: str | None,
    version: str | None,
    since: str | None,
    until: str | None,
    published: tuple[Path, ...],
    allow_mixed: bool,
    allow_bad: bool,
    allow_incomplete: bool,
    allow_fallback: bool,
    margins: tuple[str, ...],
    metrics_file: Path | None,
    primary: tuple[str, ...],
    alpha: float,
    sequential: bool,
    cuped: bool,
    cap: float | None,
    drop_users: str | None,
    catalog: Path | None,
    out: Path | None,
    json_out: Path | None,
    csv_out: Path | None,
    run_info: Path | None,
    follow: bool,
    asked: Asked,
    engine: str,
    **said: Any,
) -> None:
    """Judge an A/B experiment from the service's logs, or from a table of your own.

    LOGS are files, directories (their data.json* files) or quoted patterns, of JSON Lines, JSON
    Lines in .gz or .zst, or .parquet. A table is named by --table or --events.
    """
    if follow:
        _refuse_with_watch()
    of_table = is_table(said)
    if not of_table and not logs:
        raise click.UsageError("nothing to analyse: give LOGS, or --table FILE")
    info = RunInfo() if run_info is None else load_run_info(run_info)
    drop = [] if drop_users is None else read_users(drop_users)
    check_alpha(alpha)
    if follow:
        if experiment is None:
            raise InputError("--watch needs --experiment")
        shares = declared_weights(experiment, weights, treatments, config, service)
        question = Question(experiment, run, drop, followed_metrics(metrics_file, primary))
        watch(Watched(logs, question, shares, info.treatments, alpha=alpha), json_out)
        return
    if of_table:
        refuse_of_logs(
            logs=logs,
            before=before,
            run=run,
            version=version,
            since=since,
            until=until,
            published=published,
            catalog=catalog,
            engine=engine == "spark",
            interaction=asked.interaction,
            triggered=asked.triggered,
        )
        if asked.attributes is not None and said["unit"] is None:
            raise InputError("--attributes needs --unit: the column with the user of a row")
        metrics = metrics_of_table(said, metrics_file, primary)
    else:
        metrics = built_in() if metrics_file is None else read_metrics(metrics_file)
        metrics = metrics.with_primaries(primary)
        check_metrics(metrics.of_users)
    questions = asked.about(metrics)
    if cuped and not before and not of_table:
        raise InputError("--cuped needs --before: the same users' logs from before the experiment")
    allowed = {
        BAD: allow_bad,
        INCOMPLETE: allow_incomplete,
        FALLBACK: allow_fallback,
        MIXED: allow_mixed,
    }
    line_filter = LineFilter(
        run, version, parse_moment("--since", since), parse_moment("--until", until)
    )
    options = Options(
        margins=parse_margins(margins, metrics),
        alpha=alpha,
        sequential=sequential,
        cuped=cuped,
        cap=None if cap is None else check_percentile(cap),
        allowed=tuple(name for name, flag in allowed.items() if flag),
    )
    earlier = tables = None
    if of_table:
        shares = shares_of_table(experiment, weights, treatments, config, service)
        aggregates = read_aggregates(said, metrics, experiment, drop, shares)
    else:
        with open_logs(logs, engine, line_filter) as log:
            name = only_experiment(log) if experiment is None else experiment
            questions.check_other(name)
            shares = declared_weights(name, weights, treatments, config, service)
            above = _above(name, config, service, questions.triggered)
            aggregates = aggregate(
                log,
                name,
                catalog,
                drop,
                None if shares is None else list(shares),
                published,
                metrics,
                above if questions.triggered else None,
            )
            tables = read_user_tables(log.engine, metrics.primaries, questions.other)
            if above is not None:
                told = dilution_of(log.engine, name, above, questions.triggered)
                tables = replace(tables, dilution=told)
        if before:
            with open_logs(before, engine) as log:
                earlier = aggregate_all(log, catalog, metrics)
    analysis = analyse(aggregates, earlier, replace(options, weights=shares))
    answers = answer(analysis, questions, tables)
    names = treatment_names(info.treatments, aggregates.recommenders)
    sentences = verdicts(analysis, names)
    sentences = decide(analysis, sentences, questions.rule, names)
    # Files first: a closed pipe (`| head`) must not cost the report.
    if json_out is not None:
        content = as_json(analysis, sentences, questions.rule) | answers_json(answers)
        write_text(json_out, json.dumps(content, indent=2) + "\n")
    if csv_out is not None:
        write_text(csv_out, as_csv(analysis.comparisons, analysis.metrics, analysis.looks_of))
    if out is not None:
        write_text(out, render_report(analysis, sentences, info, answers))
    click.echo("\n".join(verdict.sentence for verdict in sentences))
    click.echo(f"\n{as_text(analysis.core_effects)}\n" if analysis.core_effects else "")
    click.echo(f"{more_text(analysis)}\n")
    click.echo(health_text(analysis.ratio))
    click.echo(checks_text(analysis.checks))
    if analysis.guardrails:
        click.echo(guardrail_text(analysis))
    for line in answers_text(answers):
        click.echo(line)
    labels = {arm.treatment: label(arm.treatment, names) for arm in aggregates.arms}
    for note in notes(analysis, labels):
        click.echo(note)
    if missing := len(set(drop)) - len(aggregates.quality.dropped_users):
        click.echo(f"--drop-users: {missing:,} of {len(set(drop)):,} are not in the experiment")
    click.echo(quality_text(aggregates))
    quality = aggregates.quality
    of_log = [*quality.notes]
    if earlier is not None:
        of_log += (f"--before: {note}" for note in earlier.quality.notes)
    click.echo(
        "\n".join([*list_bad_lines(quality.skipped, noun="row" if of_table else "line"), *of_log])
    )
    if out is not None:
        click.echo(f"report: {out}")


_WATCH_TAKES = (
    *("logs", "experiment", "weights", "treatments", "config", "service", "run", "drop_users"),
    *("json_out", "run_info", "follow", "alpha", "primary", "metrics_file"),
)


def _refuse_with_watch() -> None:
    """Raises InputError where an option was given that a live page does not have."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if given is ParameterSource.COMMANDLINE and parameter.name not in _WATCH_TAKES:
            raise InputError(f"--watch does not go with {parameter.opts[0]}: see analyze --help")


def _above(
    experiment: str, config: Path | None, service: str | None, triggered: bool
) -> Above | None:
    """The experiments above, where a config or a service tells of any that decide."""
    described = running(config, service)
    above = above_of(experiment, described) if experiment in described else None
    if triggered and above is None:
        if not described:
            raise InputError(
                "--triggered needs --config or --service, for the experiments above it"
            )
        raise InputError(f"--triggered: no experiment above {experiment} decides for anybody")
    return above


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("analyze")
