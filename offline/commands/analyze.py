"""`botify-offline analyze`: event logs -> effect table, report page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import click
from click.core import ParameterSource

from offline.commands._common import Planned, engine_option, write_text
from offline.commands.analyze_options import (
    AnalysisOptions,
    InputOptions,
    OutputOptions,
    analyze_options,
)
from offline.commands.questions_option import Asked, questions_options
from offline.commands.table_options import (
    TableOptions,
    refuse_of_logs,
    shares_of_table,
    table_options,
)
from offline.commands.watch import followed_metrics, watch
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate, aggregate_all
from offline.experiment.aggregates.assignment import only_experiment
from offline.experiment.aggregates.metric_sql import check_metrics
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.aggregates.triggered import Above, above_of, dilution_of
from offline.experiment.aggregates.user_tables import UserTables, read_user_tables
from offline.experiment.analysis import Analysis, analyse, check_alpha
from offline.experiment.checks.declared import running
from offline.experiment.checks.log_checks import checks_text
from offline.experiment.checks.sample_ratio import health_text
from offline.experiment.metrics import Metrics
from offline.experiment.questions.answers_text import answers_json, answers_text
from offline.experiment.questions.ask import Answers, Questions, answer
from offline.experiment.report.page import render_report
from offline.experiment.report.text import as_text, guardrail_text, more_text, quality_text
from offline.experiment.report.to_csv import as_csv
from offline.experiment.report.to_json import as_json
from offline.experiment.verdict.notes import notes
from offline.experiment.verdict.rules import decide
from offline.experiment.verdict.verdict import Verdict, verdicts
from offline.experiment.words import label, treatment_names
from offline.logs.bad_lines import list_bad_lines
from offline.logs.first_line import face_of
from offline.logs.line_filter import LineFilter
from offline.logs.reader import open_logs
from offline.watch.batch import Question
from offline.watch.watcher import Watched


@click.command()
@click.argument("logs", nargs=-1)
@analyze_options
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
    source: InputOptions,
    planned: Planned,
    how: AnalysisOptions,
    output: OutputOptions,
    asked: Asked,
    table: TableOptions,
    follow: bool,
) -> None:
    """Judge an A/B experiment from the service's logs, or from a table of your own.

    LOGS are files, directories (their data.json* files) or quoted patterns, of JSON Lines, JSON
    Lines in .gz or .zst, or .parquet. A table is named by --table or --events.
    """
    if follow:
        _refuse_with_watch()
    of_table = table.is_given()
    if not of_table and not logs:
        raise click.UsageError("nothing to analyse: give LOGS, or --table FILE")
    info = output.info()
    drop = source.users_to_drop()
    check_alpha(how.alpha)
    if follow:
        if source.experiment is None:
            raise InputError("--watch needs --experiment")
        shares = planned.shares(source.experiment)
        metrics = followed_metrics(how.metrics_file, how.primary)
        question = Question(source.experiment, source.run, drop, metrics)
        watched = Watched(logs, question, shares, info.treatments, alpha=how.alpha)
        watch(watched, output.json_out)
        return
    if of_table:
        _refuse_with_table(logs, source, asked, table)
        metrics = table.metrics(how.metrics_file, how.primary)
    else:
        face = source.face or face_of(logs)
        metrics = how.metrics_of_log(face)
        check_metrics(metrics.of_users, face)
        if face == "shop" and source.catalog is not None:
            raise InputError("--catalog is of music: a shop's metrics need none")
    questions = asked.about(metrics)
    if how.cuped and not source.before and not of_table:
        raise InputError("--cuped needs --before: the same users' logs from before the experiment")
    line_filter = source.line_filter()
    options = how.options(metrics)
    if of_table:
        shares = shares_of_table(source.experiment, planned)
        aggregates = table.read(metrics, source.experiment, drop, shares)
        read = _Read(aggregates, shares)
    else:
        read = _read_logs(logs, line_filter, source, planned, metrics, questions, drop)
    analysis = analyse(read.aggregates, read.earlier, replace(options, weights=read.shares))
    answers = answer(analysis, questions, read.tables)
    names = treatment_names(info.treatments, read.aggregates.recommenders)
    sentences = verdicts(analysis, names)
    sentences = decide(analysis, sentences, questions.rule, names)
    # Files first: a closed pipe (`| head`) must not cost the report.
    if output.json_out is not None:
        content = as_json(analysis, sentences, questions.rule) | answers_json(answers)
        write_text(output.json_out, json.dumps(content, indent=2) + "\n")
    if output.csv_out is not None:
        rows = as_csv(analysis.comparisons, analysis.metrics, analysis.looks_of)
        write_text(output.csv_out, rows)
    if output.out is not None:
        write_text(output.out, render_report(analysis, sentences, info, answers))
    _print(analysis, sentences, answers, names)
    if missing := len(set(drop)) - len(read.aggregates.quality.dropped_users):
        click.echo(f"--drop-users: {missing:,} of {len(set(drop)):,} are not in the experiment")
    for line in _read_text(read):
        click.echo(line)
    if output.out is not None:
        click.echo(f"report: {output.out}")


class _Read(NamedTuple):
    """The experiment as it was read; `earlier` is the period of --before."""

    aggregates: Aggregates
    shares: Mapping[str, float] | None
    earlier: Aggregates | None = None
    tables: UserTables | None = None


def _read_logs(
    logs: Sequence[str],
    line_filter: LineFilter,
    source: InputOptions,
    planned: Planned,
    metrics: Metrics,
    questions: Questions,
    drop: Sequence[str],
) -> _Read:
    face = source.face or face_of(logs)
    with open_logs(logs, source.engine, line_filter, face) as log:
        name = only_experiment(log) if source.experiment is None else source.experiment
        questions.check_other(name)
        shares = planned.shares(name)
        above = _above(name, planned, questions.triggered)
        aggregates = aggregate(
            log,
            name,
            source.catalog,
            drop,
            None if shares is None else list(shares),
            source.published,
            metrics,
            above if questions.triggered else None,
        )
        tables = read_user_tables(log.engine, metrics.primaries, questions.other)
        if above is not None:
            told = dilution_of(log.engine, name, above, questions.triggered)
            tables = replace(tables, dilution=told)
    earlier = None
    if source.before:
        with open_logs(source.before, source.engine, face=face) as log:
            earlier = aggregate_all(log, source.catalog, metrics)
    return _Read(aggregates, shares, earlier, tables)


def _print(
    analysis: Analysis, sentences: Sequence[Verdict], answers: Answers, names: Mapping[str, str]
) -> None:
    click.echo("\n".join(verdict.sentence for verdict in sentences))
    click.echo(f"\n{as_text(analysis.core_effects)}\n" if analysis.core_effects else "")
    click.echo(f"{more_text(analysis)}\n")
    click.echo(health_text(analysis.ratio))
    click.echo(checks_text(analysis.checks))
    if analysis.guardrails:
        click.echo(guardrail_text(analysis))
    for line in answers_text(answers):
        click.echo(line)
    labels = {arm.treatment: label(arm.treatment, names) for arm in analysis.aggregates.arms}
    for note in notes(analysis, labels):
        click.echo(note)


def _read_text(read: _Read) -> list[str]:
    """What was read, and what was left out."""
    quality = read.aggregates.quality
    noun = "row" if read.aggregates.source == "table" else "line"
    text = [*list_bad_lines(quality.skipped, noun=noun), *quality.notes]
    if read.earlier is not None:
        text += (f"--before: {note}" for note in read.earlier.quality.notes)
    return [quality_text(read.aggregates), "\n".join(text)]


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


def _refuse_with_table(
    logs: Sequence[str], source: InputOptions, asked: Asked, table: TableOptions
) -> None:
    """Raises InputError where an option was given that is about logs, or needs --unit."""
    refuse_of_logs(
        logs=logs,
        before=source.before,
        run=source.run,
        version=source.version,
        since=source.since,
        until=source.until,
        published=source.published,
        catalog=source.catalog,
        engine=source.engine == "spark",
        face=source.face,
        interaction=asked.interaction,
        triggered=asked.triggered,
    )
    if asked.attributes is not None and table.unit is None:
        raise InputError("--attributes needs --unit: the column with the user of a row")


def _above(experiment: str, planned: Planned, triggered: bool) -> Above | None:
    """The experiments above, where a config or a service tells of any that decide."""
    described = running(planned.config, planned.service)
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
