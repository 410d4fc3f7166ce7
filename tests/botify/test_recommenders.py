"""Each recommender against a real Valkey: what it offers, and what it says about it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from botify.catalog import Catalog
from botify.config import Config
from botify.list_loader import kind_of, load_list
from botify.recommenders import build_recommenders
from botify.store import Offer, Store

pytestmark = pytest.mark.integration

Lines = Callable[..., Path]
Ask = Callable[..., Offer]


@pytest.fixture
def ask(client: "redis.Redis", catalog: Catalog, write_lines: Lines, tmp_path: Path) -> Ask:
    """ask(recommender, user, last track, draw): one `next`."""
    config = Config.model_validate(
        {
            "data_dir": tmp_path,
            "top_tracks": "top.json",
            "lists": {"dae": "dae.json"},
            "neighbours": {"near": "near.json"},
            "recommenders": {
                "random": {"type": "random"},
                "popular": {"type": "top_pop"},
                "sticky": {"type": "sticky_artist"},
                "contextual": {"type": "contextual", "neighbours": "near"},
                "dae": {"type": "indexed", "list": "dae"},
            },
            "experiments": {"E": {"treatments": {"C": "random"}}},
        }
    )
    (tmp_path / "top.json").write_text(json.dumps([4, 2, 6]))
    write_lines("dae.json", {"user": 1, "tracks": [8, 2, 9]})
    write_lines("near.json", {"track": 0, "recommendations": [5, 3]})
    for name, path in config.list_paths.items():
        load_list(client, name, path, kind_of(config, name), len(catalog))
    recommenders = build_recommenders(config, catalog)
    store = Store(client, session_ttl=100, n_tracks=len(catalog))

    def ask(name: str, user: int, track: int, draw: float = 0.5) -> Offer:
        return store.next(user, track, recommenders[name].plan(user, track), (draw, draw))

    return ask


def about(offer: Offer) -> tuple[int, str, int | None, float]:
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
    assert about(offer)[1:] == ("random", None, 1 / 9)
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
