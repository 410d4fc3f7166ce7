"""Options and output of `plan` for tests other than two equal arms."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from offline.engine import Engine
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate_all
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.checks.before import check_before
from offline.experiment.design import (
    DAY,
    Design,
    Growth,
    Reduction,
    parse_split,
    variance_reduction,
)
from offline.experiment.metrics import Metric
from offline.experiment.stats.power import POWER, Plan
from offline.logs.line_filter import LineFilter
from offline.logs.reader import open_logs

Command = Callable[..., None]
_SIZES = (200, 600, 2_000, 6_000, 20_000, 60_000, 200_000)
_DAYS = (1, 2, 3, 7, 14, 28)


@dataclass(frozen=True)
class Layout:
    """What was asked for; users are those of all arms together where anything was."""

    split: str | None
    arms: int | None
    cuped: bool
    before: tuple[str, ...]
    days: int | None

    def __bool__(self) -> bool:
        return bool(self.split or self.arms or self.cuped or self.before or self.days)

    @property
    def shares(self) -> tuple[float, ...]:
        return parse_split(self.split, self.arms)


_OPTIONS = (
    click.option("--split", metavar="90/10", help="Shares of the arms, the control first."),
    click.option("--arms", type=click.IntRange(min=2), help="Number of arms with equal shares."),
    click.option(
        "--before",
        multiple=True,
        metavar="LOGS",
        help="The same users' earlier logs: plan for a verdict that rests on CUPED.",
    ),
    click.option(
        "--cuped",
        is_flag=True,
        help="Plan for CUPED without earlier logs: from the two halves of LOGS.",
    ),
    click.option(
        "--days",
        type=click.IntRange(min=1),
        help="Effect that this many days find, if users come as they did in LOGS.",
    ),
)


def design_options(command: Command) -> Command:
    """Give the command these options, as its argument `layout`."""

    @functools.wraps(command)
    def with_layout(
        *,
        split: str | None,
        arms: int | None,
        cuped: bool,
        before: tuple[str, ...],
        days: int | None,
        **others: Any,
    ) -> None:
        layout = Layout(split, arms, cuped, before, days)
        parse_split(split, arms)
        command(layout=layout, **others)

    for option in reversed(_OPTIONS):
        with_layout = option(with_layout)
    return with_layout


def reduction_by(
    layout: Layout,
    during: Aggregates,
    metric: Metric,
    logs: Sequence[str],
    catalog: str | None,
    engine: str,
) -> tuple[Reduction, str]:
    """What CUPED would take, and from what that is known; nothing where it was not asked for."""
    if not layout.cuped and not layout.before:
        return Reduction(0.0, 0.0), ""

    def reduced(paths: Sequence[str], line_filter: LineFilter | None = None) -> Aggregates:
        with open_logs(paths, engine, line_filter) as log:
            return aggregate_all(log, catalog, during.metrics)

    if layout.before:
        past = reduced(layout.before)
        check_before(during, past)
        return variance_reduction(during, past, metric), "from --before"
    first, last = during.quality.first_timestamp, during.quality.last_timestamp
    middle = (first + last) // 2
    if middle <= first:
        raise InputError("--cuped: the log is too short to be cut in halves: give --before")
    past, later = reduced(logs, LineFilter(until=middle)), reduced(logs, LineFilter(since=middle))
    return variance_reduction(later, past, metric), "the log's own later half by its earlier half"


def growth_of(engine: Engine, during: Aggregates) -> Growth:
    """From an open log that was reduced to `during`."""
    first, last = during.quality.first_timestamp, during.quality.last_timestamp
    rows = engine.rows(
        "SELECT CAST(FLOOR((began - $first) / 86400000) AS BIGINT) AS day, COUNT(*) FROM ("
        "SELECT MIN(timestamp) AS began FROM experiment_events GROUP BY user_id) AS users"
        " GROUP BY day",
        {"first": first},
    )
    new = dict(rows)
    return Growth.of([new.get(day, 0) for day in range((last - first) // DAY + 1)])


def design_text(
    layout: Layout,
    plan: Plan,
    reduction: tuple[Reduction, str],
    growth: Growth | None,
    users: int | None,
    effect: float | None,
) -> list[str]:
    """What the laid out test finds, or takes; a line each."""
    share, source = reduction
    design = Design(plan, layout.shares, share.variance)
    treatments = len(design.shares) - 1
    split = "/".join(f"{100 * part:.4g}" for part in design.shares)
    lines = [f"split {split}: effects are of the smallest treatment, users of all arms together"]
    if treatments > 1:
        lines.append(
            f"{treatments} treatments: p-values are adjusted (Holm), at worst to "
            f"{100 * design.alpha:.2g} %"
        )
    if source:
        lines.append(
            f"CUPED takes {100 * share.variance:.0f} % of the variance ({source}; "
            f"{100 * share.known:.0f} % of the users have a past)"
        )
    if growth is not None:
        lines.append(
            f"users come as in the log: {growth.seen[-1]:,} in {len(growth.seen)} days, from then "
            f"on {growth.rate:,.0f} a day; their metric is taken as that of the whole log"
        )
    if effect is not None and (users is not None or layout.days is not None):
        if users is not None:
            lines.append(_chance(design, effect, users, ""))
        if growth is not None and layout.days is not None:
            after = f" after {layout.days:,} days"
            lines.append(_chance(design, effect, growth.users(layout.days), after))
    if effect is not None and users is None:
        needed = design.users(effect)
        lines.append(
            f"{effect:+g} % is found with {_in_all(design, needed)} (chance {POWER:.0%})"
            f"{_within(growth, needed)}"
        )
    if effect is None:
        lines += _table(design, growth, layout.days, users)
    return lines


def guardrail_line(
    layout: Layout, plan: Plan, margin: float, growth: Growth | None, users: int | None
) -> str:
    """How many users rule `margin` (percent, signed) out; guardrails are planned without CUPED."""
    design = Design(plan, layout.shares)
    needed = design.guardrail_users(margin)
    text = (
        f"{margin:+g} % is ruled out with {_in_all(design, needed)} (chance {POWER:.0%})"
        f"{_within(growth, needed)}"
    )
    if users is None:
        return text
    return f"{text}; {users:,} users in all rule it out with {design.guardrail(margin, users):.1%}"


def _chance(design: Design, effect: float, users: float, after: str) -> str:
    return (
        f"{_in_all(design, users)} find {effect:+g} % with a chance of "
        f"{design.power(effect, users):.1%}{after}"
    )


def _in_all(design: Design, users: float) -> str:
    if math.isinf(users):
        return "no number of users"
    arms = [math.ceil(arm - 1e-6) for arm in design.arms(users)]
    return f"{sum(arms):,} users in all ({' + '.join(f'{arm:,}' for arm in arms)})"


def _within(growth: Growth | None, users: float) -> str:
    if growth is None:
        return ""
    days = growth.days(users)
    return ", which never come" if days is None else f", which come within {days:,} days"


def _table(
    design: Design, growth: Growth | None, days: int | None, users: int | None
) -> list[str]:
    head = f"users in all   detectable effect (chance {POWER:.0%})"
    if growth is None or days is None:
        rows: list[tuple[str, float]] = [
            ("", size) for size in (_SIZES if users is None else (users,))
        ]
        lines = [head]
    else:
        wanted = [*(day for day in _DAYS if day < days), days]
        rows = [(f"{day:>4}   ", growth.users(day)) for day in wanted]
        lines = [f"days   {head}"]
    for prefix, size in rows:
        enough = size * min(design.shares) >= 2
        found = design.detectable(size) if enough else math.inf
        shown = f"{found:>8.2f} %" if math.isfinite(found) else "    none"
        lines.append(f"{prefix}{size:>12,.0f}   {shown}")
    return lines
