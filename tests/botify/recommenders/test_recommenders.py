"""Each recommender against a real Valkey: what it offers, and what it says about it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.catalog import Catalog
from botify.config import Config
from botify.errors import InputError
from botify.lists.loader import kind_of, load_list
from botify.recommenders import Play, Resources, build_recommenders
from botify.store.sessions import Decision, SessionStore

pytestmark = pytest.mark.integration

Lines = Callable[..., Path]
Ask = Callable[..., Decision]


NEAR, DAE = {"neighbours": "near"}, {"list": "dae"}
RECOMMENDERS = {
    "random": {"type": "random_unseen"},
    "popular": {"type": "top_pop_unseen"},
    "sticky": {"type": "sticky_artist_unseen"},
    "contextual": {"type": "contextual", **NEAR},
    "similar": {"type": "similar", **NEAR},
    "dae": {"type": "indexed", **DAE},
    "one of mine": {"type": "indexed_random", **DAE},
    "in order": {"type": "sequential", **DAE},
    "heard": {"type": "i2i", **NEAR},
    "mixed": {"type": "sticky_artist_mixed"},
    # As the protocol defines them.
    "random again": {"type": "random"},
    "popular again": {"type": "top_pop"},
    "sticky again": {"type": "sticky_artist"},
    # The seen filter turned round.
    "popular once": {"type": "top_pop", "seen_filter": True},
    "contextual once": {"type": "contextual", **NEAR, "seen_filter": True},
    "similar again": {"type": "similar", **NEAR, "seen_filter": False},
    "dae again": {"type": "indexed", **DAE, "seen_filter": False},
    # Without the tracks that the same requests get above.
    "random without": {"type": "random_unseen", "exclude": [8, 0, 8]},
    "popular without": {"type": "top_pop_unseen", "exclude": [4]},
    "sticky without": {"type": "sticky_artist_unseen", "exclude": [7]},
    "contextual without": {"type": "contextual", **NEAR, "exclude": [5]},
    "similar without": {"type": "similar", **NEAR, "exclude": [5, 3, 4]},
    "dae without": {"type": "indexed", **DAE, "seen_filter": False, "exclude": [8]},
}


def config_of(tmp_path: Path, recommenders: dict[str, dict[str, Any]]) -> Config:
    return Config.model_validate(
        {
            "data_dir": tmp_path,
            "top_tracks": "top.json",
            "lists": {"dae": "dae.json"},
            "neighbours": {"near": "near.json"},
            "recommenders": {n.replace(" ", "_"): entry for n, entry in recommenders.items()},
            "default": "random",
        }
    )


@pytest.fixture
def ask(client: "redis.Redis", catalog: Catalog, write_lines: Lines, tmp_path: Path) -> Ask:
    """ask(recommender, user, last track, draw): one `next`."""
    config = config_of(tmp_path, RECOMMENDERS)
    (tmp_path / "top.json").write_text(json.dumps([4, 2, 6]))
    write_lines("dae.json", {"user": 1, "tracks": [8, 2, 9]})
    write_lines("near.json", {"track": 0, "recommendations": [5, 3]})
    for name, spec in config.list_files.items():
        load_list(client, name, spec, kind_of(config, name), len(catalog))
    recommenders = build_recommenders(config, Resources(catalog, {}))
    store = SessionStore(client, session_ttl=100, n_tracks=len(catalog))

    def ask(name: str, user: int, track: int, draw: float = 0.5, time: float = 1.0) -> Decision:
        recommender = recommenders[name.replace(" ", "_")]
        play = Play(track, time)
        return recommender.recommend(store, user, play, (draw, draw), recommender.exclude)

    return ask


def about(offer: Decision) -> tuple[int, str, int | None, float]:
    return offer.track, offer.recommender, offer.rank, offer.propensity


def test_random_offers_every_unseen_track(ask: Ask) -> None:
    offers = [ask("random", user, 0, (user + 0.5) / 10) for user in range(1, 10)]
    assert Counter(offer.track for offer in offers) == Counter(range(1, 10))
    assert {about(offer)[1:] for offer in offers} == {("random", None, 1 / 9)}
    assert offers[0].model_version is None


def test_top_pop_is_uniform_over_the_unseen_popular_then_random(ask: Ask) -> None:
    assert about(ask("popular", 1, 2, 0.0)) == (4, "popular", 0, 1 / 2)
    assert about(ask("popular", 2, 2, 0.9)) == (6, "popular", 2, 1 / 2)
    assert about(ask("popular", 2, 6, 0.9)) == (4, "popular", 0, 1.0)
    offer = ask("popular", 2, 4, 0.9)
    assert about(offer) == (9, "random", None, 1 / 7)
    assert offer.model_version is not None


def test_sticky_artist_stays_with_the_artist_then_random(ask: Ask) -> None:
    assert about(ask("sticky", 1, 6)) == (7, "sticky", None, 1.0)
    offer = ask("sticky", 1, 7)
    assert offer.track not in (6, 7)
    assert about(offer)[1:] == ("random", None, 1 / 8)


def test_contextual_may_repeat_a_track(ask: Ask) -> None:
    for _ in range(2):
        assert about(ask("contextual", 1, 0, 0.0)) == (5, "contextual", 0, 1 / 2)
    assert about(ask("contextual", 1, 0, 0.9)) == (3, "contextual", 1, 1 / 2)


def test_contextual_is_random_where_a_track_has_no_neighbours(ask: Ask) -> None:
    offer = ask("contextual", 1, 9)
    assert about(offer)[1:] == ("random", None, 1 / 10)
    assert offer.model_version is not None


def test_indexed_walks_the_list_then_the_popular_then_random(ask: Ask) -> None:
    # 2 was heard first, so both lists skip it.
    played = [2]
    answers = []
    for _ in range(9):
        offer = ask("dae", 1, played[-1])
        played.append(offer.track)
        answers.append(about(offer))
    assert answers[:4] == [
        (8, "dae", 0, 1.0),
        (9, "dae", 2, 1.0),
        (4, "top_pop", 0, 1.0),
        (6, "top_pop", 2, 1.0),
    ]
    assert [name for _, name, _, _ in answers[4:]] == ["random"] * 5
    assert [propensity for *_, propensity in answers[4:]] == [1 / n for n in (5, 4, 3, 2, 1)]
    assert sorted(played) == list(range(10))
    exhausted = ask("dae", 1, played[-1])
    assert (exhausted.recommender, exhausted.propensity) == ("random", 1 / 10)


def test_indexed_gives_an_unknown_user_the_popular_tracks(ask: Ask) -> None:
    assert about(ask("dae", 10**30, 0)) == (4, "top_pop", 0, 1.0)


def test_similar_walks_the_neighbours_then_the_popular_then_random(ask: Ask) -> None:
    assert [about(ask("similar", 1, 0)) for _ in range(2)] == [
        (5, "similar", 0, 1.0),
        (3, "similar", 1, 1.0),
    ]
    # All neighbours of 0 were offered; 5 has none.
    assert about(ask("similar", 1, 0)) == (4, "top_pop", 0, 1.0)
    assert [about(ask("similar", 1, 5)) for _ in range(2)] == [
        (2, "top_pop", 1, 1.0),
        (6, "top_pop", 2, 1.0),
    ]
    offer = ask("similar", 1, 5)
    assert offer.track not in (0, 5, 3, 4, 2, 6)
    assert about(offer)[1:] == ("random", None, 1 / 4)
    assert offer.model_version is not None


def test_the_seen_filter_is_that_of_the_type_unless_told(ask: Ask) -> None:
    assert about(ask("popular once", 1, 2, 0.9)) == (6, "popular_once", 2, 1 / 2)
    assert about(ask("popular once", 1, 4, 0.9))[1:] == ("random", None, 1 / 7)


def test_one_of_the_users_list_at_random(ask: Ask) -> None:
    assert about(ask("one of mine", 1, 2, 0.9)) == (9, "one_of_mine", 2, 1 / 2)
    assert about(ask("one of mine", 1, 9, 0.9)) == (8, "one_of_mine", 0, 1.0)
    assert about(ask("one of mine", 1, 8, 0.9)) == (4, "top_pop", 0, 1.0)


def test_the_next_of_the_users_list(ask: Ask) -> None:
    assert about(ask("in order", 1, 2)) == (9, "in_order", 2, 1.0)
    assert about(ask("in order", 1, 9)) == (4, "top_pop", 0, 1.0)
    assert about(ask("in order", 1, 4)) == (8, "in_order", 0, 1.0)


def test_neighbours_of_what_the_session_heard(ask: Ask) -> None:
    assert about(ask("heard", 1, 0)) == (5, "heard", 0, 1.0)
    # 5 has no neighbours: those of 0 are all there are.
    assert about(ask("heard", 1, 5, time=0.25)) == (3, "heard", 1, 1.0)
    assert about(ask("heard", 1, 3)) == (4, "top_pop", 0, 1.0)
    assert about(ask("heard", 2, 0, time=0.0)) == (4, "top_pop", 0, 1.0)


def test_random_after_a_skip_else_the_artist(ask: Ask) -> None:
    assert about(ask("mixed", 1, 6, 0.0, time=0.1)) == (6, "mixed", None, 1 / 2)
    assert about(ask("mixed", 1, 6, 0.0, time=0.09)) == (0, "mixed", None, 1 / 10)


def test_without_the_seen_filter_a_recommender_may_repeat_its_own_tracks(ask: Ask) -> None:
    # Each was asked once before, so what it offered and what was heard are seen.
    for name, track, expected in [
        ("random again", 0, (5, "random_again", None, 1 / 10)),
        ("popular again", 4, (2, "popular_again", 1, 1 / 3)),
        ("sticky again", 6, (7, "sticky_again", None, 1 / 2)),
        ("similar again", 0, (5, "similar_again", 0, 1.0)),
        ("dae again", 8, (8, "dae_again", 0, 1.0)),
    ]:
        for _ in range(3):
            assert about(ask(name, 1, track)) == expected


def test_without_the_seen_filter_fallbacks_still_have_it(ask: Ask) -> None:
    assert about(ask("similar again", 1, 4)) == (2, "top_pop", 1, 1.0)
    assert about(ask("dae again", 2, 6)) == (4, "top_pop", 0, 1.0)
    assert about(ask("dae again", 2, 2))[1:] == ("random", None, 1 / 7)


def test_contextual_with_the_seen_filter_repeats_nothing(ask: Ask) -> None:
    assert about(ask("contextual once", 1, 0, 0.0)) == (5, "contextual_once", 0, 1 / 2)
    assert about(ask("contextual once", 1, 0, 0.0)) == (3, "contextual_once", 1, 1.0)
    offer = ask("contextual once", 1, 0)
    assert offer.track not in (0, 5, 3)
    assert about(offer)[1:] == ("random", None, 1 / 7)


def test_excluded_tracks_are_never_offered(ask: Ask) -> None:
    offers = [ask("random without", user, 9, (user + 0.5) / 7) for user in range(7)]
    assert {about(offer)[1:] for offer in offers} == {("random_without", None, 1 / 7)}
    assert not {offer.track for offer in offers} & {0, 8, 9}
    assert about(ask("popular without", 1, 2, 0.0)) == (6, "popular_without", 2, 1.0)
    assert about(ask("contextual without", 2, 0, 0.0)) == (3, "contextual_without", 1, 1.0)
    assert about(ask("dae without", 1, 0)) == (2, "dae_without", 1, 1.0)


def test_fallbacks_offer_no_excluded_track(ask: Ask) -> None:
    assert about(ask("similar without", 1, 0)) == (2, "top_pop", 1, 1.0)
    for i in range(10):
        offer = ask("sticky without", 10 + i, 6, (i + 0.5) / 10)
        assert offer.track not in (6, 7)
        assert about(offer)[1:] == ("random", None, 1 / 8)


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ([3, 10], "track 10 is not in the catalog (0 to 9)"),
        ([-1], "track -1 is not in the catalog (0 to 9)"),
        (list(range(10)), "all 10 tracks of the catalog; leave some to offer"),
    ],
)
def test_excluding_what_cannot_be_stops_the_start(
    catalog: Catalog, tmp_path: Path, exclude: list[int], expected: str
) -> None:
    recommenders = {"random": {"type": "random", "exclude": exclude}}
    with pytest.raises(InputError) as caught:
        build_recommenders(config_of(tmp_path, recommenders), Resources(catalog, {}))
    assert str(caught.value) == f"recommenders.random.exclude: {expected}"
