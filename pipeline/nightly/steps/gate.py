"""gate: whether the candidate may replace what serves."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.nightly.checks import Check, at_least, at_most
from pipeline.nightly.config import Gate
from pipeline.nightly.faces import Face
from pipeline.nightly.measure import paired
from pipeline.nightly.steps.evaluate import OUT, VALUES


def judge(evaluation: Path, gate: Gate, seed: int, first: bool, face: Face) -> dict[str, Any]:
    """{passed, reason, primary, guardrails}.

    It passes if the lower end of the paired interval of the primary metric is above -margin and no
    guardrail is broken. `first`: nothing serves yet, so there are no lists to keep a share of.
    """
    told: dict[str, float] = json.loads((evaluation / OUT).read_text())
    with np.load(evaluation / VALUES) as arrays:
        differences, hits = (
            paired(
                arrays[f"old_{name}"], arrays[f"new_{name}"], gate.confidence, gate.resamples, seed
            )
            for name in (face.primary, "neighbours_hit")
        )
    names = {"primary": face.primary_at(gate.k), "hit": f"neighbours_hit_{gate.k}"}
    primary = _row(names["primary"], told, differences)
    _, low_end, high_end = differences
    rails = [
        at_least("visitors with targets", told["visitors"], gate.min_visitors),
        at_most("listed items that are no items", told["new_unknown_items"], 0),
        at_least("popular items", told["new_popular"], 1),
    ]
    if names["hit"] in {name.removeprefix("new_") for name in told}:
        low = hits[1]
        note = f"{told['old_' + names['hit']]:.4f} -> {told['new_' + names['hit']]:.4f}"
        rails.append(at_least(f"{names['hit']}, lower end", low, -gate.neighbours_margin, note))
    for name in () if first else ("coverage", "lists", "items_with_neighbours"):
        old, new = told[f"old_{name}"], told[f"new_{name}"]
        rails.append(at_least(name, new, gate.keep * old, f"{old:g} -> {new:g}"))
    reasons = [
        f"{rail.name} is {rail.value:.4g}, {rail.bound}" for rail in rails if not rail.passed
    ]
    figures = f"{primary['old'] or 0:.4f} -> {primary['new'] or 0:.4f}"
    if told["visitors"] and not low_end > -gate.margin:
        reasons.insert(
            0,
            f"{primary['name']} {figures}: the interval of the difference, {low_end:+.4f} to "
            f"{high_end:+.4f}, reaches below {-gate.margin:g}",
        )
    return {
        "passed": not reasons,
        "reason": "; ".join(reasons)
        or f"{primary['name']} {figures}, difference {low_end:+.4f} to {high_end:+.4f}",
        "primary": primary,
        "guardrails": [_rail(rail) for rail in rails],
    }


def _row(
    name: str, told: dict[str, float], interval: tuple[float, float, float]
) -> dict[str, Any]:
    numbers = [None if np.isnan(value) else value for value in interval]
    return {
        "name": name,
        "old": told.get(f"old_{name}"),
        "new": told.get(f"new_{name}"),
        **dict(zip(("difference", "low", "high"), numbers, strict=True)),
    }


def _rail(rail: Check) -> dict[str, Any]:
    value = None if np.isnan(rail.value) else rail.value
    return {
        "name": rail.name, "value": value, "bound": rail.bound,
        "passed": rail.passed, "note": rail.note,
    }  # fmt: skip
