"""`botify-offline plan`: how many users a test needs, or what a test of so many can find."""

import math
from pathlib import Path

import click

from offline.commands._common import engine_option
from offline.commands.design_options import (
    Layout,
    design_options,
    design_text,
    growth_of,
    guardrail_line,
    reduction_by,
)
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate_all
from offline.experiment.aggregates.metric_sql import check_metrics
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import check_alpha
from offline.experiment.guardrails import parse_margins
from offline.experiment.metric_files import built_in, read_metrics
from offline.experiment.rows import applicable
from offline.experiment.stats.effects import ALPHA
from offline.experiment.stats.power import POWER, Plan
from offline.experiment.stats.sample import Sample
from offline.logs.bad_lines import list_bad_lines
from offline.logs.reader import open_logs

_SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--metric",
    help="Metric of the test. [default: the primary metric, mean_session_time]",
)
@click.option(
    "--metrics",
    "metrics_file",
    type=click.Path(path_type=Path),
    help="Path to a file of your own metrics.",
)
@click.option(
    "--alpha", type=float, default=ALPHA, show_default=True, help="Significance level of the test."
)
@click.option(
    "--users",
    type=click.IntRange(min=2),
    help="Users in each of two arms; with any of the options from --split on, in all.",
)
@click.option("--effect", type=float, help="An effect to find, in percent of the mean.")
@click.option(
    "--guardrail",
    "margins",
    multiple=True,
    metavar="METRIC=PERCENT",
    help="A metric that must be shown not to get worse by more than this percentage; "
    "METRIC=off removes one. [default: sessions=10]",
)
@click.option("--catalog", help="Path to tracks.json (adds artist metrics).")
@design_options
@engine_option
def command(
    logs: tuple[str, ...],
    metric: str | None,
    metrics_file: Path | None,
    alpha: float,
    users: int | None,
    effect: float | None,
    margins: tuple[str, ...],
    catalog: str | None,
    layout: Layout,
    engine: str,
) -> None:
    """Plan an A/B experiment from a log of such users, over as many days as the test will have.

    Says which effect is found with a chance of 80 % at 5 % significance (--alpha), for several
    numbers of users; with --users for those, with --effect how many users that effect needs, with
    both the chance to find it. Then the same for each guardrail: how likely it is shown to hold,
    where in truth nothing changes, as a verdict of "ship" wants it. A log of a test counts as a
    whole, whatever ran. --split, --arms, --before, --cuped and --days plan tests that are not of
    two equal arms by Welch's test alone: users are those of all arms together then.
    """
    if effect is not None and (not effect or math.isinf(effect) or math.isnan(effect)):
        raise InputError(f"--effect {effect}: it must be a number of percent that is not 0")
    metrics = built_in() if metrics_file is None else read_metrics(metrics_file)
    check_alpha(alpha)
    # A mixed log has no recommender of its own, so none to fall back from.
    mixed = [name for name, some in metrics.by_name.items() if "recommender" in some.needs]
    if metric in mixed:
        raise InputError(
            f"--metric {metric}: it cannot be computed from a log of several recommenders"
        )
    metrics = metrics.with_primaries([] if metric is None else [metric], "--metric")
    check_metrics(metrics.of_users)
    metric = metrics.primaries[0].name
    guarded = parse_margins(margins, metrics)
    with open_logs(logs, engine) as log:
        aggregates = aggregate_all(log, catalog, metrics)
        growth = None if layout.days is None else growth_of(log.engine, aggregates)
    quality = aggregates.quality
    bad = list_bad_lines(quality.skipped) if quality.bad_lines else []
    for note in (*bad, *quality.notes):
        click.echo(note)
    _, missing = applicable(aggregates)
    if metric in missing:
        raise InputError(f"--metric {metric}: {missing[metric]}")
    plan, n = _plan(aggregates, metric, alpha), _sample(aggregates, metric).n
    if plan is None:
        raise InputError(
            f"{metric} cannot be planned with: it needs users who differ and a mean that is not 0"
        )
    taken = reduction_by(layout, aggregates, metrics[metric], logs, catalog, engine)
    click.echo(
        f"{metric}: mean {plan.mean:.6g}, standard deviation {plan.spread:.6g} "
        f"({100 * plan.spread / plan.mean:.0f} %) over {n:,} users"
    )
    if layout:
        for line in design_text(layout, plan, taken, growth, users, effect):
            click.echo(line)
    elif users is not None and effect is not None:
        chance = plan.power(effect, users)
        click.echo(f"{users:,} users per arm find {effect:+g} % with a chance of {chance:.1%}")
    elif effect is not None:
        needed = math.ceil(plan.users(effect))
        click.echo(f"{effect:+g} % is found with {needed:,} users per arm (chance {POWER:.0%})")
    else:
        click.echo(f"users per arm   detectable effect (chance {POWER:.0%})")
        for size in _SIZES if users is None else (users,):
            found = plan.detectable(size)
            shown = f"{found:>8.2f} %" if math.isfinite(found) else "    none"
            click.echo(f"{size:>12,}   {shown}")
    for name, margin in guarded.items():
        planned = name not in missing and metrics[name] in metrics.of_users
        guard = _plan(aggregates, name, alpha) if planned else None
        why = missing.get(name, "users must differ in it, and its mean must not be 0")
        if metrics[name] not in metrics.of_users:
            why = "it has no value per user to plan with"
        worse = -margin if metrics[name].more_is_better else margin
        power = why if guard is None else _guardrail(guard, worse, users)
        if guard is not None and layout:
            power = guardrail_line(layout, guard, worse, growth, users)
        click.echo(f"guardrail {name}: {power}")


def _plan(aggregates: Aggregates, metric: str, alpha: float) -> Plan | None:
    """None where users do not differ, or the mean is 0."""
    moments = _sample(aggregates, metric).moments
    if moments.n < 2 or not moments.mean or not moments.variance_of_mean > 0:
        return None
    return Plan.of(moments, alpha)


def _sample(aggregates: Aggregates, metric: str) -> Sample:
    return Sample(*aggregates.metrics[metric].sums(aggregates.users))


def _guardrail(plan: Plan, worse: float, users: int | None) -> str:
    needed = math.ceil(plan.guardrail_users(worse))
    text = f"{worse:+g} % is ruled out with {needed:,} users per arm (chance {POWER:.0%})"
    if users is None:
        return text
    return f"{text}; {users:,} users per arm rule it out with {plan.guardrail(worse, users):.1%}"


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("plan")
