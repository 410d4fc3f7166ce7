"""The effect among users with an attribute: exploratory, so with correction."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from offline.experiment.questions.parts import Against, Part, part_of, sample_of
from offline.experiment.stats.holm import holm
from offline.experiment.stats.sample import Sample

FEWEST = 30
"""Users of each arm that a segment must have to count in the test of equal effects."""


@dataclass(frozen=True)
class AttributeSegment:
    """One treatment among the users with one value of one attribute."""

    treatment: str
    attribute: str
    part: Part
    p_holm: float | None = None
    """Adjusted over all segments, attributes and treatments."""


@dataclass(frozen=True)
class Heterogeneity:
    """Whether the effects of a treatment differ between the segments of an attribute."""

    treatment: str
    attribute: str
    segments: int
    """That count for it."""
    p: float
    """Of Cochran's Q (W. Cochran, "The combination of estimates from different experiments",
    Biometrics 10, 1954), over the effects in percent."""


_UPPER = re.compile(r"^(?:up to |over \S+ to |over )?(-?[\d.]+(?:e[-+]?\d+)?)$")

Labels = Mapping[str, "pd.Series[Any]"]


def by_attribute(
    users: pd.DataFrame, treatments: Sequence[str], labels: Labels, against: Against
) -> tuple[tuple[AttributeSegment, ...], tuple[Heterogeneity, ...]]:
    """`labels` has by attribute the segment of each row of `users` (as `Aggregates.users`)."""
    found: list[AttributeSegment] = []
    equal: list[Heterogeneity] = []
    for attribute, segment in labels.items():
        names = sorted(segment.unique(), key=_place)
        values = segment.to_numpy(object)
        for treatment in treatments:
            effects = []
            for name in names:
                rows = users[values == name]
                control, treated = (
                    sample_of(rows, arm, against.metric) for arm in (against.control, treatment)
                )
                part = part_of(name, treatment, against, control, treated)
                found.append(AttributeSegment(treatment, attribute, part))
                effects += _effect(control, treated)
            if len(effects) > 1:
                p = heterogeneity_p(*np.transpose(effects))
                equal.append(Heterogeneity(treatment, attribute, len(effects), p))
    known = [i for i, some in enumerate(found) if some.part.p is not None]
    adjusted = holm([found[i].part.p or 0.0 for i in known])
    for i, p in zip(known, adjusted, strict=True):
        found[i] = replace(found[i], p_holm=float(p))
    return tuple(found), tuple(equal)


def _place(name: str) -> tuple[bool, float, str]:
    """Numbers and ranges of numbers by their upper end, then names."""
    number = _UPPER.search(name)
    if number is None:
        return True, 0.0, name
    return (
        False,
        math.inf if name.startswith("over") and " to " not in name else float(number[1]),
        name,
    )


def _effect(control: Sample, treated: Sample) -> list[tuple[float, float]]:
    """Relative effect and its variance (delta method); nothing where either is undefined."""
    if min(control.n, treated.n) < FEWEST or not control.moments.mean:
        return []
    was, now = control.moments, treated.moments
    ratio = now.mean / was.mean
    variance = (now.variance_of_mean + ratio**2 * was.variance_of_mean) / was.mean**2
    effect = (now.mean - was.mean) / abs(was.mean)
    return [(effect, variance)] if variance > 0 and math.isfinite(variance) else []


def heterogeneity_p(effects: np.ndarray, variances: np.ndarray) -> float:
    """p-value of Cochran's Q test that all effects are equal; arrays of shape (n,), n > 1."""
    weights = 1 / variances
    mean = float(np.average(effects, weights=weights))
    q = float(weights @ (effects - mean) ** 2)
    return float(stats.chi2.sf(q, len(effects) - 1))
