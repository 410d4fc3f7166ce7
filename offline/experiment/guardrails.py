"""Guardrails: metrics that a treatment must not make worse by more than a margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from offline.errors import InputError
from offline.experiment.comparison import Comparison
from offline.experiment.metrics import BY_NAME

DEFAULT: Mapping[str, float] = {"sessions": 10.0}
"""Margins in percent of the control mean.

None on the request time: where answers take a tenth of a millisecond, twice that harms nobody.
"""


@dataclass(frozen=True)
class Guardrail:
    """One guardrail of one treatment.

    It holds where the whole 95 % interval is on the good side of the margin (non-inferiority at
    2.5 %, one-sided), is broken where all of it is beyond, and else not shown.
    """

    treatment: str
    metric: str
    margin: float
    status: Literal["holds", "broken", "not shown"]
    effect: float | None
    lower: float | None
    upper: float | None


def guard(
    comparisons: Sequence[Comparison], margins: Mapping[str, float]
) -> tuple[Guardrail, ...]:
    """Check each comparison whose metric has a margin."""
    return tuple(
        _check(comparison, margins[comparison.effect.metric])
        for comparison in comparisons
        if comparison.effect.metric in margins
    )


def _check(comparison: Comparison, margin: float) -> Guardrail:
    effect, interval = comparison.effect, comparison.relative
    status: Literal["holds", "broken", "not shown"] = "not shown"
    lower, upper = interval or (None, None)
    if lower is not None and upper is not None:
        # In the direction in which more is better, from its worst end.
        worst, best = (lower, upper) if BY_NAME[effect.metric].more_is_better else (-upper, -lower)
        status = "holds" if worst > -margin else "broken" if best < -margin else "not shown"
    elif effect.control_mean == 0 and effect.treatment_mean == 0:
        status = "holds"
    return Guardrail(effect.treatment, effect.metric, margin, status, effect.effect, lower, upper)


def parse_margins(texts: Sequence[str]) -> dict[str, float]:
    """`mean_request_time=20`, each; added to DEFAULT. Raises InputError for anything else.

    A margin of `off` takes a default one away.
    """
    margins = dict(DEFAULT)
    for text in texts:
        name, _, value = text.partition("=")
        if name not in BY_NAME:
            known = ", ".join(BY_NAME)
            raise InputError(f"--guardrail {text}: there is no metric {name!r}; there are {known}")
        if value == "off":
            margins.pop(name, None)
            continue
        try:
            margins[name] = float(value)
        except ValueError:
            margins[name] = -1.0
        if not 0 < margins[name] < float("inf"):
            raise InputError(
                f"--guardrail {text}: it must be like {name}=20, in percent, or {name}=off"
            )
    return margins
