"""What is published of a model: the vectors that it ranks by, of what it knows."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from offline.data.ids import Ids
from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.factors.packing import pack_blob
from offline.factors.publication import Publication, publication_of
from offline.models.base import Recommender
from offline.models.registry import make_model

from ...factor_stores import small_model


def likes() -> TrainingSet:
    """Twenty users with ids of text, twelve items; nobody liked the fourth one."""
    matrix = sparse.csr_matrix(np.random.default_rng(0).random((20, 12)) < 0.4, dtype=np.float32)
    dense = matrix.toarray()
    dense[:, 3] = 0
    dense[np.arange(20), 4 + np.arange(20) % 8] = 1
    histories = InteractionMatrix.of(sparse.csr_matrix(dense))
    users = np.array([f"user {number:02}" for number in range(20)], dtype=object)
    items = Ids([f"item {number:02}" for number in range(12)])
    titles = pa.array([f"title {number}" for number in range(12)])
    return TrainingSet(histories, users, users, "f", items=items, titles=titles)


def lists(found: Publication, n: int) -> list[list[str]]:
    """By the published vectors alone."""
    users, items = (part.astype(np.float32) for part in found.vectors[:2])
    scores = users @ items.T
    scores[found.entries.nonzero()] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    return [[found.items[number] for number in row] for row in order.tolist()]


@pytest.mark.parametrize("name", ["als", "bpr", "pure-svd"])
def test_vectors_rank_as_the_model_does(name: str) -> None:
    data = likes()
    model = make_model(name, {"factors": 3}, seed=1).fit(data)
    found = publication_of(model)
    assert found.manifest.scale is None
    assert (found.manifest.users, found.manifest.items) == (20, 11)
    assert list(found.users) == data.users.tolist()
    assert "item 03" not in found.items
    assert data.items is not None
    expected = model.recommend(np.arange(20), 3).ids
    same = [
        data.items.take(row) == ours for row, ours in zip(expected, lists(found, 3), strict=True)
    ]
    assert np.mean(same) > 0.9  # float16 may swap two that are nearly equal
    counts = np.sort(model.popularity[model.known_items])[::-1]
    assert list(found.manifest.popular.scores) == counts.tolist()


def test_ratings_are_published_with_their_scale() -> None:
    model = small_model()
    found = publication_of(model, precompute=5)
    assert found.manifest.scale == (0.5, 5.0)
    ratings = model.data.ratings
    np.testing.assert_array_equal(found.entries.toarray(), ratings.toarray())
    popular, scores = found.manifest.popular
    dense = ratings.toarray()
    means = dense.sum(axis=0) / (dense > 0).sum(axis=0)
    np.testing.assert_allclose(scores, means[list(popular)], rtol=1e-5)
    counts = (dense > 0).sum(axis=0)[list(popular)]
    assert (np.diff(counts) <= 0).all()


def test_other_fields_of_items() -> None:
    model = make_model("als", {"factors": 2}, seed=1).fit(likes())
    ids = [f"item {number:02}" for number in range(12)]
    table = pa.table({"id": ids, "title": [None] * 12, "year": range(1990, 2002)})
    lines = publication_of(model, items=table).lines
    assert lines[3] == '{"item": "item 04", "title": null, "year": 1994}\n'


def test_a_version_follows_from_the_content() -> None:
    model = small_model()
    one, again = publication_of(model), publication_of(model)
    assert one.manifest.version == again.manifest.version
    others = [
        publication_of(model, precompute=5),
        publication_of(small_model(1)),
        publication_of(model, items=pa.table({"id": range(30), "title": ["x"] * 30})),
    ]
    versions = {each.manifest.version for each in [one, *others]}
    assert len(versions) == 4


def test_a_model_without_vectors() -> None:
    model = make_model("popular").fit(likes())
    with pytest.raises(InputError, match="popular has no vectors of users and items"):
        publication_of(model)


class Loud(Recommender):
    """Has numbers that float16 has not."""

    name = "loud"

    def _fit(self, *_: Any) -> None:
        pass

    def _scores(self, histories: Any, users: Any) -> Any:
        return histories.toarray()

    def _state(self) -> Any:
        return {}

    def _set_state(self, *_: Any) -> None:
        pass

    def ranking_vectors(self) -> Any:
        return np.full((20, 2), 70_000, np.float32), np.ones((12, 2), np.float32)


def test_vectors_that_float16_has_not() -> None:
    with pytest.raises(InputError, match=r"vectors of users have numbers up to 7e\+04"):
        publication_of(Loud().fit(likes()))


def test_items_are_packed_where_that_is_worth_it_and_vectors_never() -> None:
    assert pack_blob("items-0", b"a" * 1000, compress=True)[0].packing == "lz4"
    assert (
        pack_blob("items-0", np.random.default_rng(0).bytes(1000), compress=True)[0][2] == "none"
    )
    model = small_model()
    model._items[:] = 1  # type: ignore[attr-defined]
    content = publication_of(model).content(compress=True)
    packings = {blob.name: blob.packing for blob in content.manifest.blobs}
    assert packings == {"vectors-0": "none", "items-0": "lz4", "prior-0": "none"}
