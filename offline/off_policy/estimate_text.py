"""Off-policy estimates as text and as JSON."""

import math
from collections.abc import Sequence
from typing import Any

from offline.metrics.intervals import Estimate
from offline.off_policy.decisions import Decisions
from offline.off_policy.estimate import LookAhead
from offline.off_policy.estimators import ends

_COLUMNS = ("target", "estimator", "value", "lower", "upper", "effective_sample", "matched")


def as_text(found: Sequence[LookAhead]) -> str:
    """A row per target and estimator, aligned, "-" where there is no number."""
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for one in found:
        for name, estimate in one.estimates.items():
            weighted = name not in ("logged mean", "direct method")
            size = f"{one.support.effective_size:,.0f}" if weighted else "-"
            matched = f"{one.support.matched:,}" if weighted else "-"
            values = estimate.mean, *ends(estimate, one.within)
            rows.append((one.target, name, *map(_cell, values), size, matched))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _cell(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"


def quality_text(log: Decisions, bad_lines: int) -> str:
    """One line: how many decisions were used, and what did not count."""
    text = f"{log.usable.sum():,} decisions"
    if log.left_out:
        reasons = (f"{count:,} {reason}" for reason, count in sorted(log.left_out.items()))
        text += f"; left out: {', '.join(reasons)}"
    return text + (f"; {bad_lines:,} malformed lines" if bad_lines else "")


def as_json(found: Sequence[LookAhead], log: Decisions, first: bool) -> dict[str, Any]:
    """The same as JSON values; null where there is no number."""
    targets: list[dict[str, Any]] = []
    for one in found:
        support = one.support
        targets.append(
            {
                "target": one.target,
                "estimates": {
                    name: _estimate(estimate, one, name)
                    for name, estimate in one.estimates.items()
                },
                "decisions": support.decisions,
                "matched": support.matched,
                "effective_sample": _number(support.effective_size),
                "max_weight": _number(support.max_weight),
                "mean_weight": _number(support.mean_weight.mean),
                "never_logged": _number(one.never_logged),
                "warnings": list(one.warnings),
            }
        )
    return {"first": first, "left_out": dict(log.left_out), "targets": targets}


def _estimate(estimate: Estimate, one: LookAhead, name: str) -> dict[str, float | None]:
    lower, upper = ends(estimate, one.within)
    found = {"value": _number(estimate.mean), "lower": _number(lower), "upper": _number(upper)}
    if name in one.parameters:
        found["parameter"] = _number(one.parameters[name])
    return found


def parameters_text(one: LookAhead) -> str:
    """One line: how the estimators with a parameter were tamed."""
    told = ", ".join(
        f"{name} {value:.3g}" if math.isfinite(value) else f"{name} none"
        for name, value in one.parameters.items()
    )
    return (
        f"{one.target}: largest weight or strength, chosen by SLOPE: {told}; "
        "their intervals know of no bias"
    )


def _number(value: float) -> float | None:
    return float(f"{value:.12g}") if math.isfinite(value) else None
