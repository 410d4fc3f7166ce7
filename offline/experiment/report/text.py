"""The analysis as text for a terminal."""

from collections.abc import Sequence

from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Analysis
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.effects import COLUMNS, Effect
from offline.experiment.words import confidence, interval, percent


def as_text(effects: Sequence[Effect]) -> str:
    """The table with the protocol's columns, aligned, "-" where a value cannot be computed."""
    rows = [COLUMNS] + [[_cell(name, getattr(row, name)) for name in COLUMNS] for row in effects]
    notes = [f"{row.treatment} {row.metric}: {row.note}" for row in effects if row.note]
    return "\n".join(_aligned(rows) + notes)


def more_text(analysis: Analysis) -> str:
    """All metrics as a table, with p-values, detectable effects and notes.

    Parameters
    ----------
    analysis : Analysis

    Returns
    -------
    str

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, aggregate, analyse, more_text
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> text = more_text(analyse(aggregates, options=Options(draws=0)))
    >>> text.split()[:5]
    ['treatment', 'metric', 'effect', '95', '%']
    """
    sure = f"{confidence(analysis.options.alpha)} interval"
    head = ["treatment", "metric", "effect", sure, "CUPED", "p", "Holm", "BH", "detectable"]
    head += ["users", "difference", "SE", "df"]
    in_table = {(row.treatment, row.metric) for row in analysis.core_effects}
    rows = [head]
    for row in analysis.comparisons:
        effect, own = row.effect, absolute(row)
        degrees = own.degrees_of_freedom
        rows.append(
            [
                effect.treatment,
                effect.metric,
                "-" if row.change is None else percent(row.change),
                "-" if row.relative is None else interval(*row.relative),
                "-" if row.cuped is None else interval(*row.cuped),
                *("-" if p is None else f"{p:.2g}" for p in (row.p, row.p_holm, row.p_bh)),
                "-" if row.detectable is None else f"{row.detectable:.2g} %",
                f"{row.users[1]:,}:{row.users[0]:,}",
                "-" if own.difference is None else f"{own.difference:+.4g}",
                "-" if own.standard_error is None else f"{own.standard_error:.3g}",
                "-" if degrees is None else f"{degrees:,.0f}",
            ]
        )
    notes = [
        f"{row.effect.treatment} {row.effect.metric}: {note}"
        for row in analysis.comparisons
        if (
            note := row.note
            if (row.effect.treatment, row.effect.metric) in in_table
            else row.notes
        )
    ]
    notes += [f"{name}: {why}" for name, why in analysis.missing.items()]
    return "\n".join(_aligned(rows) + notes)


def guardrail_text(analysis: Analysis) -> str:
    """A line for each guardrail: its status, interval and margin.

    Parameters
    ----------
    analysis : Analysis

    Returns
    -------
    str

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, aggregate, analyse, guardrail_text
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> print(guardrail_text(analyse(aggregates, options=Options(draws=0))))
    guardrail T1 sessions: holds (0 to 0 %; margin −10 %)
    """
    lines = []
    for guard in analysis.guardrails:
        sign = "−" if analysis.metrics[guard.metric].more_is_better else "+"
        known = guard.lower is not None and guard.upper is not None
        ends = interval(guard.lower or 0, guard.upper or 0) if known else "no interval"
        lines.append(
            f"guardrail {guard.treatment} {guard.metric}: {guard.status} "
            f"({ends}; margin {sign}{guard.margin:g} %)"
        )
    return "\n".join(lines)


def quality_text(aggregates: Aggregates) -> str:
    """One line: users and sessions of each arm, and what was excluded.

    Parameters
    ----------
    aggregates : Aggregates

    Returns
    -------
    str

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import aggregate, quality_text
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> for part in quality_text(aggregates).split("; "):
    ...     print(part)
    1,600 lines
    C: 200 users, 400 sessions and 0 unfinished
    T1: 200 users, 400 sessions and 0 unfinished
    """
    arms = "; ".join(
        f"{arm.treatment}: {arm.users:,} users, {arm.sessions:,} sessions"
        f" and {arm.unfinished:,} unfinished"
        for arm in aggregates.arms
    )
    quality = aggregates.quality
    if aggregates.source == "table":
        return _table_text(aggregates)
    if aggregates.source == "shop":
        arms = "; ".join(
            f"{arm.treatment}: {arm.users:,} visitors, {arm.sessions:,} sessions"
            for arm in aggregates.arms
        )
    text = f"{quality.lines:,} lines; {arms}"
    for count, what in (
        (sum(arm.users_without_session for arm in aggregates.arms), "users without a session"),
        (quality.duplicates, "duplicates, left out"),
        (quality.lines_in_several, "lines of users in several treatments, left out"),
        (quality.backwards, "lines from a clock that went backwards"),
        (quality.lines_outside, "lines outside the experiment"),
    ):
        text += f"; {what}: {count:,}" if count else ""
    return text


def _table_text(aggregates: Aggregates) -> str:
    quality = aggregates.quality
    arms = "; ".join(f"{arm.treatment}: {arm.users:,} users" for arm in aggregates.arms)
    text = f"{quality.lines:,} rows; {arms}"
    for count, what in (
        (quality.duplicates, "rows like an earlier one, left out"),
        (quality.lines_in_several, "rows of users in several treatments, left out"),
        (quality.dropped_lines, "rows of users dropped by name"),
        (quality.lines_outside, "rows of treatments that are not judged"),
    ):
        text += f"; {what}: {count:,}" if count else ""
    return text


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    if name.endswith("_mean"):
        return f"{value:.6g}"
    return f"{value:+.2f}"
