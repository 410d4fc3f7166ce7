"""Whether an effect is shown to be no larger than a margin, in either direction.

Two one-sided tests (D. Schuirmann, "A comparison of the two one-sided tests procedure and the
power approach for assessing the equivalence of average bioavailability", J. Pharmacokinetics and
Biopharmaceutics 15, 1987): at alpha each, which is for 5 % the 90 % interval inside ± the margin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from offline.errors import InputError
from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.levels import by_moments, interval_at


def two_one_sided(alpha: float) -> float:
    """Confidence of the interval that does both tests."""
    return 1 - 2 * alpha


@dataclass(frozen=True)
class Equivalence:
    """Effect and interval in percent of the control mean; None where they are undefined."""

    treatment: str
    metric: str
    margin: float
    status: Literal["shown", "not shown", "refuted"]
    """Refuted: the whole interval is beyond the margin."""
    effect: float | None
    lower: float | None
    upper: float | None
    confidence: float
    """Of the interval: 1 − 2 alpha, or 1 − alpha where there is no other (permutation, looks)."""
    method: str


def equivalences(
    rows: Sequence[Comparison],
    margins: Mapping[str, float],
    times: Mapping[str, float] | None = None,
) -> tuple[Equivalence, ...]:
    """All rows whose metrics have a margin, in percent.

    With looks before the end, `times` has by treatment the factor on the standard error at
    the last look, and the interval is always-valid.
    """
    return tuple(
        equivalence(row, margins[row.effect.metric], times)
        for row in rows
        if row.effect.metric in margins
    )


def equivalence(
    row: Comparison, margin: float, times: Mapping[str, float] | None = None
) -> Equivalence:
    """One row against one margin, in percent."""
    method: str = row.method
    if times is None:
        ends, confidence = interval_at(row, two_one_sided(row.alpha))
    else:
        wide = times.get(row.effect.treatment)
        ends, confidence = None if wide is None else by_moments(row, wide), 1 - row.alpha
        method = "always-valid"
    status: Literal["shown", "not shown", "refuted"] = "not shown"
    lower, upper = ends or (None, None)
    if lower is not None and upper is not None:
        if -margin < lower and upper < margin:
            status = "shown"
        elif lower > margin or upper < -margin:
            status = "refuted"
    return Equivalence(
        row.effect.treatment,
        row.effect.metric,
        margin,
        status,
        row.change,
        lower,
        upper,
        confidence,
        method,
    )


def parse_equivalence(texts: Sequence[str], metrics: Sequence[str]) -> dict[str, float]:
    """`mean_session_time=1`, each, in percent. Raises InputError for anything else."""
    margins: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in metrics:
            known = ", ".join(metrics)
            raise InputError(
                f"--equivalence {text}: there is no metric {name!r}; there are {known}"
            )
        try:
            margins[name] = float(value)
        except ValueError:
            margins[name] = -1.0
        if not 0 < margins[name] < float("inf"):
            raise InputError(f"--equivalence {text}: it must be like {name}=1, in percent")
    return margins
