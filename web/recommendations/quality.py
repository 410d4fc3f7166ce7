"""How good the order of what was shown is: nDCG of visits, with an interval."""

import math
import uuid
from typing import NamedTuple

from web.recommendations.models import EnsembleConfig, EnsembleEvaluation, EvaluationMetric

LEAST_PEOPLE = 10
"""With fewer people there is no interval."""


def ndcg(ratings: list[float]) -> float:
    """nDCG of ratings in the order shown: sum of r / log2(i + 2), over that of the best order.

    An item that was not rated is no part of it: it is neither good nor bad.

    >>> ndcg([5, 3])
    1.0
    >>> round(ndcg([1, 5]), 3)
    0.738
    """
    if not ratings:
        raise ValueError("nDCG needs at least one rating")
    return _dcg(ratings) / _dcg(sorted(ratings, reverse=True))


def _dcg(ratings: list[float]) -> float:
    return sum(rating / math.log2(at + 2) for at, rating in enumerate(ratings))


def record_visit(user_id: int, visit: uuid.UUID, recommender: int, ratings: list[float]) -> None:
    """Store or replace the nDCG of a visit for each evaluation of a ladder with `recommender`.

    With fewer than two ratings there is no order to judge.
    """
    if len(ratings) < 2:
        return
    ladders = EnsembleConfig.objects.filter(recommender_id=recommender).values("ensemble")
    for evaluation in EnsembleEvaluation.objects.filter(enable=True, ensemble__in=ladders):
        EvaluationMetric.objects.update_or_create(
            evaluation=evaluation,
            visit=visit,
            defaults={
                "recommender_id": recommender,
                "user_id": user_id,
                "value": ndcg(ratings),
                "n_ratings": len(ratings),
                "all_equal": len(set(ratings)) == 1,
            },
        )


class Mean(NamedTuple):
    """A mean over people, with a 95 % interval; `low` and `high` are None with too few people."""

    mean: float
    low: float | None
    high: float | None
    people: int
    visits: int


def mean_of_people(visits: list[tuple[int, float]]) -> Mean | None:
    """Of (person, nDCG): each person counts once, by the mean of the visits.

    The interval is Student's, with people - 1 degrees of freedom (Cornish-Fisher expansion of
    its quantile). None where there are no visits.
    """
    if not visits:
        return None
    given: dict[int, list[float]] = {}
    for person, value in visits:
        given.setdefault(person, []).append(value)
    means = [sum(values) / len(values) for values in given.values()]
    n = len(means)
    mean = sum(means) / n
    if n < LEAST_PEOPLE:
        return Mean(mean, None, None, n, len(visits))
    variance = sum((value - mean) ** 2 for value in means) / (n - 1)
    half = t_quantile(n - 1) * math.sqrt(variance / n)
    return Mean(mean, mean - half, mean + half, n, len(visits))


def t_quantile(df: int) -> float:
    """The 0.975 quantile of Student's t with `df` ≥ 9 degrees of freedom, to 3 digits."""
    z = 1.959963985
    return (
        z
        + (z**3 + z) / (4 * df)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * df**3)
    )
