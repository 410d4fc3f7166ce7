"""Models of sessions, as every model, and on events whose right answer is plain."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from offline.data.events import Events
from offline.data.sessions import training_set_of
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.base import Recommender
from offline.models.blend import Blend
from offline.models.new import New
from offline.models.popular import Popular
from offline.models.sessions.covisit import CoVisit, SequenceRules
from offline.models.sessions.history import History
from offline.models.sessions.knn import SessionKNN
from offline.models.sessions.ranked import RankedBlend

from ..recommender_checks import FindsCamps, RecommenderChecks

DAY = 86_400_000


class TestCoVisit(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return CoVisit()


class TestSequenceRules(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return SequenceRules()


class TestSessionKNN(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return SessionKNN()


class TestBlend(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return Blend()


class TestRankedBlend(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return RankedBlend(trees=5, depth=2, seed=seed)


class TestBlendByRank(RecommenderChecks):
    def make(self, seed: int = 1) -> Recommender:
        return Blend(weights={"covisit": 1.0, "sequence-rules": 0.5}, by="rank")


class TestHistory(RecommenderChecks):
    def make(self, seed: int = 1) -> Recommender:
        return History()


class TestNew(RecommenderChecks):
    def make(self, seed: int = 1) -> Recommender:
        return New()


class TestPopularOfAWindow(RecommenderChecks):
    def make(self, seed: int = 1) -> Recommender:
        return Popular(window_days=1)


def data(*rows: tuple[int, int, str, int], n_items: int = 6) -> TrainingSet:
    """Events (user, item, kind, minute)."""
    kinds = ("view", "addtocart", "transaction")
    user, item, kind, minute = zip(*rows, strict=True)
    events = Events.of(
        np.array(user),
        np.array(item),
        np.array([kinds.index(name) for name in kind], np.int16),
        np.array(minute, dtype=np.int64) * 60_000 + 1_700_000_000_000,
        kinds,
    )
    return training_set_of(events, n_items)


def listed(model: Recommender, *history: int, own: bool = False) -> list[int]:
    """What a visitor gets who came to these items, in this order."""
    n_items = len(model.popularity)
    row = np.zeros((1, n_items), np.float32)
    row[0, list(history)] = 1
    times = np.array([history.index(item) for item in sorted(history)])
    matrix = sparse.csr_matrix(row)
    found = model.recommend_for(matrix, n_items, exclude_seen=not own, timestamps=times)
    return [int(item) for item in found.ids[0] if item >= 0]


def test_what_follows_is_not_what_came_before() -> None:
    rows = [(user, item, "view", 10 * item) for user in range(3) for item in (0, 1, 2)]
    rules, together = SequenceRules().fit(data(*rows)), CoVisit().fit(data(*rows))
    assert listed(rules, 1)[0] == 2
    assert rules._near[1, 0] == 0 < rules._near[1, 2]
    assert together._near[1, 0] == pytest.approx(together._near[1, 2])


def test_sessions_apart_say_less_and_days_apart_nothing() -> None:
    rows = [
        (0, 0, "view", 0),
        (0, 1, "view", 5),
        (0, 2, "view", 120),
        (0, 3, "view", 60 * 24 * 30),
    ]
    near = CoVisit(item_exponent=0, neighbour_exponent=0, distance_decay=0).fit(data(*rows))._near
    assert near[0, 1] == 1
    assert near[0, 2] == 0.5
    assert near[0, 3] == 0


def test_kinds_weigh_and_old_events_fade() -> None:
    plain = {"item_exponent": 0, "neighbour_exponent": 0, "distance_decay": 0}
    rows = [(0, 0, "view", 0), (0, 1, "view", 1), (0, 2, "addtocart", 2)]
    near = CoVisit(**plain).fit(data(*rows))._near
    assert near[0, 2] == 2 * near[0, 1]
    old = [(0, 0, "view", 0), (0, 1, "view", 1)]
    later = [(1, 0, "view", 60 * 24), (1, 2, "view", 60 * 24 + 1)]
    near = CoVisit(**plain, half_life_days=1).fit(data(*old, *later))._near
    assert near[0, 1] / near[0, 2] == pytest.approx(0.25, rel=0.01)
    near = CoVisit(**plain, kinds={"view": 0.0}).fit(data(*rows))._near
    assert near.nnz == 0


def test_the_latest_item_says_most() -> None:
    rows = [(user, item, "view", item) for user in range(4) for item in (0, 1)]
    rows += [(user, item, "view", item) for user in range(4, 8) for item in (2, 3)]
    for model in (CoVisit(), SequenceRules(), SessionKNN()):
        model.fit(data(*rows))
        assert listed(model, 0, 2)[0] == 3, model.name
        assert listed(model, 2, 0)[0] == 1, model.name


def test_a_history_comes_latest_first_and_then_what_is_popular() -> None:
    model = History().fit(data((0, 4, "view", 0), (1, 4, "view", 0), (0, 5, "view", 1)))
    assert listed(model, 5, 4, own=True)[:2] == [4, 5]
    assert listed(model, 5)[0] == 4


def test_popular_of_late_and_by_kind() -> None:
    old = [(user, 0, "view", 0) for user in range(5)]
    new = [(user, 1, "view", 60 * 24 * 9) for user in range(2)]
    carts = [(7, 2, "addtocart", 60 * 24 * 9)]
    rows = data(*old, *new, *carts)
    first = {
        name: int(model.fit(rows).recommend(np.array([6]), 1, exclude_seen=False).ids[0, 0])
        for name, model in {
            "all": Popular(),
            "week": Popular(window_days=7),
            "fading": Popular(half_life_days=1),
            "carts": Popular(kinds={"addtocart": 1}),
        }.items()
    }
    assert first == {"all": 0, "week": 1, "fading": 1, "carts": 2}


def test_a_visitor_counts_once_however_often() -> None:
    rows = data(
        *[(0, 0, "view", minute) for minute in range(9)], (1, 1, "view", 1), (2, 1, "view", 1)
    )
    assert Popular(window_days=30).fit(rows).for_everyone.tolist()[:2] == [1, 2]


def test_new_items_come_first_if_enough_came_to_them() -> None:
    rows = [(0, 0, "view", 0), (1, 0, "view", 0), (2, 1, "view", 5), (3, 2, "view", 9)]
    rows += [(4, 1, "view", 9)]
    assert listed(New().fit(data(*rows)), 0) == [2, 1]
    assert listed(New(least_users=2).fit(data(*rows)), 0) == [1, 2]


def test_an_item_that_is_only_ever_with_itself_has_a_score_of_its_own() -> None:
    rows = [(user, 0, "transaction", at) for user in range(40) for at in (0, 1)]
    rows += [(50, 1, "view", 0), (50, 2, "view", 1)]
    model = CoVisit(second=1.0).fit(data(*rows))
    scores = model._scores(sparse.csr_matrix(np.eye(1, 6, dtype=np.float32)), None)[0]
    assert scores[0] > 4
    assert not scores[1:].any()


def test_a_blend_adds_reciprocal_ranks() -> None:
    rows = [(user, item, "view", item) for user in range(3) for item in (0, 1, 2)]
    rows += [(9, 0, "view", 0), (9, 3, "view", 1)]
    training = data(*rows)
    options = {"covisit": {"second": 0.0}}
    weights = {"covisit": 2.0, "sequence-rules": 1.0}
    blend = Blend(weights=weights, options=options, by="rank", constant=10).fit(training)
    history = sparse.csr_matrix(np.eye(1, 6, dtype=np.float32))
    expected = np.zeros(6)
    for weight, part in ((2.0, CoVisit()), (1.0, SequenceRules())):
        scores = part.fit(training)._scores(history, None)[0]
        for rank, item in enumerate(np.argsort(-scores, kind="stable"), 1):
            expected[item] += weight / (10 + rank) if scores[item] else 0
    np.testing.assert_allclose(blend._scores(history, None)[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"weights": {"blend": 1.0}}, "weights.blend"),
        ({"weights": {"covisit": 0.0}}, "weights.covisit"),
        ({"weights": {"nothing": 1.0}}, "nothing"),
        ({"weights": {"covisit": 1.0}, "options": {"ease": {}}}, "options of ease"),
        ({"options": {"covisit": {"reech": 1}}}, "reach"),
    ],
)
def test_a_blend_of_nonsense_is_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Blend(**options)


def test_repeats_that_the_matrix_has_not_are_learned_from() -> None:
    """The same pairs, but one visitor came back to an item."""
    once = [(0, 0, "view", 0), (0, 1, "view", 1)]
    again = [*once, (0, 0, "view", 2)]
    assert CoVisit().fit(data(*once))._near[0, 0] == 0
    assert CoVisit().fit(data(*again))._near[0, 0] > 0


def chains(n: int = 400) -> TrainingSet:
    """Sessions that go through ten items in order, each from a place of its own."""
    rng = np.random.default_rng(3)
    rows = []
    for user, first in enumerate(rng.integers(0, 10, n)):
        rows += [(user, int(first + n) % 10, "view", user * 100 + n) for n in range(4)]
        rows.append((user, int(rng.integers(10, 30)), "view", user * 100 + 4))
    return data(*rows, n_items=30)


def test_a_ranker_puts_what_comes_next_first(tmp_path: Path) -> None:
    model = RankedBlend(trees=30, depth=3, share=0.3)
    model.fit(chains())
    found = [listed(model, n % 10, (n + 1) % 10)[0] for n in range(10)]
    assert sum(item == (n + 2) % 10 for n, item in enumerate(found)) >= 9
    model.save(tmp_path / "model")
    again = RankedBlend.load(tmp_path / "model")
    assert [listed(again, n % 10, (n + 1) % 10)[0] for n in range(10)] == found


def test_too_few_sessions_give_the_sum_of_its_sources() -> None:
    ranked = RankedBlend(trees=5).fit(chains(20))
    assert len(listed(ranked, 1, 2)) > 0
    assert "scale" not in ranked._state()
