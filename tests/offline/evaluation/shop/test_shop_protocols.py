"""The protocols of shop data, on events whose right answers are counted by hand."""

import numpy as np
import pytest

from offline.data.events import Events
from offline.data.sessions import Prefixes, SessionData, prefixes_of
from offline.errors import InputError
from offline.evaluation.shop.measures import bootstrapped
from offline.evaluation.shop.next_item import next_item, sessions_of, validation_of
from offline.evaluation.shop.text import as_json, as_text
from offline.evaluation.shop.time_cut import Evaluation, time_cut
from offline.models.popular import Popular
from offline.models.sessions.covisit import CoVisit

KINDS = ("view", "addtocart", "transaction")
START, HOUR = 1_700_000_000_000, 3_600_000


def events(*rows: tuple[int, int, str, float]) -> Events:
    """Events (user, item, kind, hour)."""
    user, item, kind, hour = zip(*rows, strict=True)
    codes = np.array([KINDS.index(name) for name in kind], np.int16)
    times = START + (np.array(hour) * HOUR).astype(np.int64)
    return Events.of(np.array(user), np.array(item), codes, times, KINDS)


SHOP = (
    *[(user, item, "view", 0.1 * user + 0.01 * item) for user in range(4) for item in (0, 1)],
    (4, 0, "view", 1.0),
    (5, 2, "view", 1.1),
    # the cut
    (4, 1, "addtocart", 5.0),  # new, and co-visited
    (4, 0, "transaction", 5.1),  # repeated
    (5, 3, "addtocart", 5.2),  # of an item that nobody had come to
    (6, 0, "addtocart", 5.3),  # of a visitor without a past
    (6, 1, "view", 5.4),  # no target
)


def cut(*rows: tuple[int, int, str, float], **options: object) -> Evaluation:
    found = events(*(rows or SHOP))
    models = {"popular": Popular(), "covisit": CoVisit()}
    shape = (7, 4)
    return time_cut(models, found, shape, share=10.5 / 15, **options)  # type: ignore[arg-type]


def test_every_target_is_counted_where_it_belongs() -> None:
    counts = cut().counts
    assert counts["events_before"] == 10
    assert counts["catalogue"] == 3
    assert (counts["visitors"], counts["cold_visitors"]) == (3, 1)
    assert (counts["targets"], counts["repeated_targets"], counts["new_targets"]) == (4, 1, 2)
    assert counts["targets_of_cold_visitors"] == 1
    assert counts["targets_of_cold_items"] == 1


def test_measures_are_those_of_the_lists() -> None:
    rows = {(row.model, row.segment): row for row in cut().rows}
    new = rows["covisit", "new"]  # visitor 4 gets item 1 first, visitor 5 cannot get item 3
    assert (new.cases, new.targets) == (2, 2)
    assert new.values["recall@5"].mean == 0.5
    assert new.values["mrr@5"].mean == 0.5
    assert new.values["precision@5"].mean == pytest.approx(0.1)
    known = rows["covisit", "new, known items"]
    assert (known.cases, known.values["recall@5"].mean) == (1, 1.0)
    assert rows["covisit", "repeated"].values["recall@5"].mean == 1.0
    cold = rows["popular", "cold visitors"]
    assert (cold.cases, cold.values["recall@5"].mean) == (1, 1.0)
    assert rows["popular", "all"].overall["coverage@5"] == 1.0  # 3 of 3 items are listed
    assert {row.model for row in cut().rows} == {"popular", "covisit"}


def test_what_came_after_the_cut_teaches_nothing() -> None:
    """A thousand later views change neither lists nor measures."""
    later = [(6, 2, "view", 6.0 + 0.001 * n) for n in range(500)]
    whole = events(*SHOP, *later)
    share = 10.5 / len(whole)
    models = {"covisit": CoVisit()}
    assert time_cut(models, whole, (7, 4), share=share).rows == (
        time_cut({"covisit": CoVisit()}, events(*SHOP), (7, 4), share=10.5 / 15).rows
    )


def test_a_shuffled_source_gives_the_same() -> None:
    order = np.random.default_rng(1).permutation(len(SHOP))
    assert as_json(cut()) == as_json(cut(*[SHOP[place] for place in order]))


def test_kinds_of_targets_are_chosen_and_checked() -> None:
    assert cut(targets=["transaction"]).counts["targets"] == 1
    with pytest.raises(InputError, match="no event is of kind 'click': there are 'view'"):
        cut(targets=["click"])
    with pytest.raises(InputError, match="0 targets"):
        cut(*SHOP[:10], targets=["transaction"])


def test_validation_looks_at_nothing_after_the_cut() -> None:
    found = cut(targets=["view"], validation=True)
    assert found.counts["events_before"] == 7
    assert found.told[0].startswith("validation part")
    changed = [row if row[3] < 5 else (6, 2, "view", row[3]) for row in SHOP]
    assert as_json(cut(*changed, targets=["view"], validation=True)) == as_json(found)


def test_text_says_what_cannot_be_found() -> None:
    text = as_text(cut())
    assert "1 targets (25%) are items that nobody had come to" in text
    assert "cold visitors: 1 targets, 1 lists" in text
    assert text.count("covisit") == 5 * 3


def test_prefixes_are_every_beginning() -> None:
    found = events((0, 1, "view", 0), (0, 2, "view", 0.1), (0, 1, "view", 0.2), (1, 3, "view", 0))
    prefixes = prefixes_of(found, found.user)
    assert prefixes.items.tolist() == [1, 1, 2]
    assert prefixes.bounds.tolist() == [0, 1, 3]
    assert prefixes.target.tolist() == [2, 1]
    assert prefixes.repeated().tolist() == [False, True]
    twice = Prefixes(np.array([1, 2, 1]), np.array([0, 3]), np.array([0]), np.array([0]))
    histories, places = twice.histories(4)
    assert histories.toarray().tolist() == [[0, 1, 1, 0]]
    assert places.tolist() == [2, 1]  # the last place of each


def sessions() -> SessionData:
    """Items 0 and 1 go together, as do 2 and 3."""
    rows = [
        (user, 2 * (user % 2) + item, "view", user + 0.01 * item)
        for user in range(20)
        for item in (0, 1)
    ]
    test = Prefixes(
        np.array([0, 2, 0, 1]), np.array([0, 1, 2, 4]), np.array([1, 3, 0]), np.array([0, 1, 2])
    )
    return SessionData("some", events(*rows), test, 5, "told")


def test_next_items_are_counted_over_all_prefixes() -> None:
    found = next_item({"covisit": CoVisit(), "popular": Popular()}, sessions())
    rows = {(row.model, row.segment): row for row in found.rows}
    assert rows["covisit", "all"].values["recall@20"].mean == 1.0
    without = rows["covisit", "all, own items left out"]
    assert without.values["recall@20"].mean == pytest.approx(2 / 3)  # the repeat is a miss
    assert without.values["mrr@20"].mean == pytest.approx(2 / 3)
    assert rows["covisit", "new"].values["recall@20"].mean == 1.0
    assert rows["covisit", "repeated"].cases == 1
    assert rows["popular", "all"].values["recall@5"].mean == 1.0


def test_sessions_that_began_before_the_cut_are_not_asked_for() -> None:
    rows = [(0, 0, "view", 0), (0, 1, "view", 0.1), (1, 0, "view", 0.15), (1, 1, "view", 0.4)]
    rows += [(2, 0, "view", 2), (2, 1, "view", 2.1)]
    data = sessions_of("some", events(*rows), 2, 0.5, HOUR // 2, validation=False)
    assert data.train.user.tolist() == [0, 0, 1]
    assert data.test.target.tolist() == [1]


def test_validation_holds_out_training_sessions() -> None:
    data = validation_of(sessions())
    assert len(np.unique(data.train.user)) == 18
    assert data.test.target.tolist() == [1, 3]


def test_the_bootstrap_draws_owners_with_all_their_rows() -> None:
    rng = np.random.default_rng(2)
    owners = np.repeat(np.arange(300), 4)
    values = np.repeat(rng.normal(size=300), 4)[:, None]
    mean, lower, upper = bootstrapped(values, owners, seed=1)[0]
    assert mean == pytest.approx(values.mean())
    error = values[::4].std(ddof=1) / 300**0.5
    assert lower == pytest.approx(mean - 1.96 * error, abs=0.25 * error)
    assert upper == pytest.approx(mean + 1.96 * error, abs=0.25 * error)
    each = bootstrapped(values, np.arange(1200), seed=1)[0]
    assert each.upper - each.lower < 0.6 * (upper - lower)
    gone = bootstrapped(np.array([[np.nan], [1.0], [3.0]]), np.arange(3), seed=1)[0]
    assert gone.mean == 2.0
