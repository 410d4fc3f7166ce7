"""nDCG of visits: the value, what is measured, and who may see it."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from scipy.stats import t

from web.catalog.counts import recount
from web.ratings.models import Interaction
from web.recommendations.models import (
    EnsembleConfig,
    EnsembleEvaluation,
    EvaluationMetric,
    Recommender,
    RecommenderEnsemble,
    SimilarityMatrix,
    SimilarityMatrixCell,
)
from web.recommendations.quality import mean_of_people, ndcg, record_visit, t_quantile

Make = Callable[..., Any]


def test_ndcg_of_known_orders() -> None:
    assert ndcg([5, 3, 1]) == 1
    # (1 + 3/1.58496 + 5/2) / (5 + 3/1.58496 + 1/2)
    assert ndcg([1, 3, 5]) == pytest.approx(5.39279 / 7.39279, abs=1e-5)
    with pytest.raises(ValueError, match="at least one"):
        ndcg([])


@pytest.mark.parametrize("df", [9, 30, 1000])
def test_the_quantile_is_students(df: int) -> None:
    assert t_quantile(df) == pytest.approx(t.ppf(0.975, df), abs=2e-3)


def test_a_person_with_many_visits_counts_once() -> None:
    mean = mean_of_people([(1, 0.5)] * 9 + [(2, 1.0)])
    assert mean is not None
    assert (mean.mean, mean.low, mean.people, mean.visits) == (0.75, None, 2, 10)
    ten = mean_of_people([(person, 0.5 + person / 20) for person in range(10)])
    assert ten is not None
    # 0.725 ± 2.262 · 0.15138 / √10
    assert (ten.low, ten.high) == (
        pytest.approx(0.6167, abs=2e-4),
        pytest.approx(0.8333, abs=2e-4),
    )
    assert mean_of_people([]) is None


@pytest.fixture
def evaluation(db: None) -> EnsembleEvaluation:
    ladder = RecommenderEnsemble.objects.create(name="ladder")
    popular = Recommender.objects.create(name="popular", type=2)
    EnsembleConfig.objects.create(ensemble=ladder, recommender=popular)
    return EnsembleEvaluation.objects.create(ensemble=ladder)


def test_a_visit_is_measured_again_with_each_rating(evaluation: EnsembleEvaluation) -> None:
    visit, recommender = uuid.uuid4(), Recommender.objects.get().pk
    record_visit(1, visit, recommender, [4])
    assert not EvaluationMetric.objects.exists()  # no order yet
    record_visit(1, visit, recommender, [4, 4])
    assert EvaluationMetric.objects.get().all_equal
    record_visit(1, visit, recommender, [4, 4, 5])
    metric = EvaluationMetric.objects.get()
    assert (metric.n_ratings, metric.all_equal) == (3, False)
    assert metric.value < 1


def test_a_visit_on_the_screen_is_measured(
    evaluation: EnsembleEvaluation, make_item: Make, signed_in: Make
) -> None:
    client = signed_in()
    for n in range(20):
        item = make_item(f"film {n}")
        Interaction.objects.create(user_id=1, item=item, rating=4)
        if n < 10:
            Interaction.objects.create(user_id=client.user.pk, item=item, rating=4)
    recount()
    client.get("/rate")
    shown = client.session["visit"]["items"]
    assert len(shown) == 5
    for item_id, rating in zip(shown, ("2", "5"), strict=False):
        client.post(f"/rate/{item_id}", {"rating": rating})
    metric = EvaluationMetric.objects.get()
    assert (metric.user_id, metric.n_ratings) == (client.user.pk, 2)
    assert metric.value == pytest.approx(ndcg([2, 5]))


def test_quality_is_for_staff_and_for_those_with_the_permission(
    evaluation: EnsembleEvaluation, signed_in: Make
) -> None:
    assert signed_in("ada").get("/quality").status_code == 403
    assert signed_in("eve", "info").get("/quality").status_code == 200
    assert signed_in("bob", staff=True).get("/quality").status_code == 200


def test_nearest_people_are_drawn(evaluation: EnsembleEvaluation, signed_in: Make) -> None:
    client = signed_in("<b>bob", staff=True)
    matrix = SimilarityMatrix.objects.create(name="people", type=1, version=1)
    for row, column, value in ((client.user.pk, 7, 0.9), (8, client.user.pk, 0.4), (7, 8, 0.2)):
        SimilarityMatrixCell.objects.create(
            matrix=matrix, version=1, row=row, column=column, value=value
        )
    text = client.get("/quality").content.decode()
    assert text.count("<circle") == 3
    assert text.count("<line") == 3
    assert "<b>bob" not in text
    for person in ("7", "x", "-1", "9" * 40, "%00"):
        assert client.get(f"/quality?person={person}").status_code == 200
