"""The comparisons as a CSV table for other programs."""

import csv
import io
from collections.abc import Mapping, Sequence

from offline.experiment.metrics import Metric, Metrics
from offline.experiment.sequential import Look
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Comparison

_COLUMNS = (
    *("treatment", "metric", "title", "unit", "direction"),
    *("method", "users_control", "users_treatment"),
    *("control", "value", "difference", "difference_lower", "difference_upper"),
    *("standard_error", "degrees_of_freedom", "effect", "lower", "upper"),
    *("p", "p_holm", "p_bh", "detectable", "alpha", "cap", "cap_denominator", "capped_users"),
    *("looks", "always_valid_lower", "always_valid_upper", "note"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(
    rows: Sequence[Comparison],
    metrics: Metrics,
    looks: Mapping[str, Mapping[str, Sequence[Look]]] | None = None,
) -> str:
    """The comparisons as CSV, with 12 digits; empty where undefined.

    Values and differences are in the metric's unit ("%": points of a percentage); effects, their
    ends and `detectable` are in percent of the control mean; caps are of the sums in the data.

    Parameters
    ----------
    rows : sequence of Comparison
    metrics : Metrics
    looks : mapping, optional
        Of primary metrics by treatment, as `Analysis.looks_of` has them: adds the number of looks
        and the always-valid interval at the last one.

    Returns
    -------
    str

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, aggregate, analyse, as_csv
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> analysis = analyse(aggregates, options=Options(draws=0))
    >>> as_csv(analysis.comparisons, analysis.metrics).splitlines()[0].split(",")[:3]
    ['treatment', 'metric', 'title']
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        own, ends = absolute(row), row.relative or (None, None)
        seen = (looks or {}).get(row.effect.metric, {}).get(row.effect.treatment)
        valid = (seen[-1].lower, seen[-1].upper) if seen else (None, None)
        metric = metrics[row.effect.metric]
        values = row.effect.control_mean, row.effect.treatment_mean
        scaled = (*values, own.difference, own.lower, own.upper, own.standard_error)
        cap = row.cap if row.cap is not None and not row.cap.refused else None
        writer.writerow(
            [
                *map(_text, (row.effect.treatment, metric.name, metric.title)),
                *(_text(metric.unit.strip()), _direction(metric)),
                *(row.method, *row.users),
                *(_figure(None if some is None else some * metric.scale) for some in scaled),
                *map(_figure, (own.degrees_of_freedom, row.change, *ends)),
                *map(_figure, (row.p, row.p_holm, row.p_bh, row.detectable, row.alpha)),
                *map(_figure, (None, None) if cap is None else (cap.above, cap.below)),
                "" if cap is None else cap.users,
                "" if seen is None else len(seen),
                *map(_figure, valid),
                _text(row.notes),
            ]
        )
    return out.getvalue()


def _direction(metric: Metric) -> str:
    return "up" if metric.more_is_better else "down"


def _text(text: str) -> str:
    """Nothing that a spreadsheet would compute: a quote before what looks like a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"
