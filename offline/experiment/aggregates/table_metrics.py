"""Metrics of a table, as named on the command line or in a file."""

import re
from collections.abc import Sequence
from dataclasses import replace

from offline.engine.quoting import quoted
from offline.errors import InputError
from offline.experiment.metric_files import check_expression
from offline.experiment.metrics import Metric, Metrics
from offline.experiment.rule import Rule

_NAMED = re.compile(r"([^\W\d]\w*)\s*=\s*(.+)", re.DOTALL)
_NAMED_SQL = re.compile(r"[()*/+]|\bcase\b", re.IGNORECASE)
_AGGREGATE = re.compile(
    r"\b(sum|count|avg|mean|min|max|median|stddev\w*|var\w*|quantile\w*|any_value|bool_or|bool_and"
    r"|mode|first|last|count_if|approx_\w+|percentile\w*)\s*\(",
    re.IGNORECASE,
)


def table_metrics(
    texts: Sequence[str],
    denominators: Sequence[str],
    before: Sequence[str],
    lower_is_better: Sequence[str],
    *,
    by_event: bool,
    known: Metrics | None = None,
) -> Metrics:
    """Metrics of a table: of a file (`known`), and `revenue` or `revenue=SUM(value)` each.

    A denominator or a column of before is of all `texts`, or of one: `revenue=visits`. The first
    metric is primary, unless the file has another. Raises InputError.
    """
    found: dict[str, Metric] = {}
    for some in (known.by_name if known else {}).values():
        if some.source != "events":
            raise InputError(f"metric {some.name}: `from: {some.source}` is of logs: leave it out")
        found[some.name] = _of_rows(some, by_event)
    own: list[str] = []
    for text in texts:
        match = _NAMED.fullmatch(text.strip())
        name, sql = (match[1], match[2]) if match else (text.strip(), quoted(text.strip()))
        if not name:
            raise InputError("--metric: it is empty")
        if name in own:
            raise InputError(f"--metric {name}: it is there twice")
        if match is None and by_event:
            raise InputError(
                f"--metric {name}: a user has many rows: say how they are taken together, such as "
                f"{name}=SUM({name})"
            )
        check_expression(f"--metric {text}", sql)
        own.append(name)
        found[name] = _of_rows(Metric(name, name, numerator=sql, decimals=None), by_event)
    if not found:
        raise InputError("a table needs --metric: the column to judge by")
    for name, sql in _assigned("--denominator", denominators, own).items():
        column = sql if _NAMED_SQL.search(sql) else quoted(sql)
        check_expression(f"--denominator {sql}", column)
        changed = replace(found[name], denominator=column, kind="ratio")
        found[name] = _of_rows(replace(changed, numerator=found[name].numerator), by_event)
    for name, column in _assigned("--before-column", before, list(found)).items():
        found[name] = replace(found[name], before=before_name(column))
    for name in lower_is_better:
        if name not in found:
            there = ", ".join(found)
            raise InputError(f"--lower-is-better {name}: no such metric; there are {there}")
        found[name] = replace(found[name], more_is_better=False)
    metrics = Metrics(found, rule=known.rule if known else Rule())
    return metrics if metrics.primaries else metrics.with_primaries([next(iter(found))])


def before_name(column: str) -> str:
    """The column of `Aggregates.users` for a column of before."""
    return f"before: {column}"


def _assigned(option: str, texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """`visits` for all, or `revenue=visits` for one."""
    found: dict[str, str] = {}
    for text in texts:
        name, is_named, value = text.partition("=")
        if is_named and name.strip() in names:
            found[name.strip()] = value.strip()
        elif is_named:
            there = ", ".join(names) or "none"
            raise InputError(f"{option} {text}: there is no --metric {name.strip()}: {there}")
        else:
            found.update(dict.fromkeys(names, text.strip()))
        if not (value if is_named else text).strip():
            raise InputError(f"{option} {text}: it names no column")
    return found


def _of_rows(metric: Metric, by_event: bool) -> Metric:
    """With aggregates: where a user has one row, its value is the sum over that row."""
    if by_event:
        return metric
    parts = [
        sql if sql is None or _AGGREGATE.search(sql) else f"SUM({sql})"
        for sql in (metric.numerator, metric.denominator)
    ]
    return replace(metric, numerator=parts[0] or "", denominator=parts[1])
