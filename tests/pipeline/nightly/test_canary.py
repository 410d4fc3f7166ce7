"""A share of the users tries a candidate: what ends it, and what all users get afterwards."""

import json
import random
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from pipeline.nightly.canary import Counts, fault, harm, read_counts
from pipeline.nightly.config import Canary, Config, Service
from pipeline.nightly.directory import StopNightError
from pipeline.nightly.serving import Serving
from pipeline.nightly.steps import canary
from pipeline.steps import serving
from tests.pipeline.small_shop import ITEMS

_METRICS = """
# HELP botify_request_seconds Time.
botify_request_seconds_count{recommender="for_you",route="recommendations"} 950.0
botify_refused_total{route="recommendations",status="404"} 500.0
botify_refused_total{route="recommendations",status="503"} 50.0
botify_treatment_answers_total{experiment="CANARY",treatment="C"} 800.0
botify_treatment_answers_total{experiment="CANARY",treatment="T1"} 150.0
botify_treatment_answers_total{experiment="OTHER",treatment="T1"} 9999.0
botify_treatment_fallbacks_total{experiment="CANARY",treatment="C"} 8.0
botify_fallbacks_total{answered="popular",wanted="tried"} 30.0
botify_fallbacks_total{answered="popular",wanted="for_you"} 2.0
"""
_ARMS = {"C": "for_you", "T1": "tried"}


def test_counters_of_the_service_are_read_by_treatment() -> None:
    found = read_counts(_METRICS, "CANARY", _ARMS)
    assert found == Counts({"C": 800, "T1": 150}, {"C": 10, "T1": 30}, 950, 50)
    half = Counts({"C": 400, "T1": 100}, {"C": 0, "T1": 0}, 900, 10)
    assert found.since(half) == Counts({"C": 400, "T1": 50}, {"C": 10, "T1": 30}, 50, 40)
    restarted = Counts({"C": 900, "T1": 200}, {"C": 0, "T1": 0}, 2000, 60)
    assert found.since(restarted) == found


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (Counts({"C": 900, "T1": 100}, {"C": 9, "T1": 6}, 1000, 5), None),
        (Counts({"C": 900, "T1": 100}, {"C": 9, "T1": 7}, 1000, 5), "fallback share of T1"),
        (Counts({"C": 900, "T1": 99}, {"C": 9, "T1": 99}, 1000, 5), None),  # too few to say
        (Counts({"C": 0, "T1": 0}, {"C": 0, "T1": 0}, 980, 20), "2.0% of 1,000 answers"),
        (Counts({"C": 0, "T1": 0}, {"C": 0, "T1": 0}, 0, 20), None),
    ],
)
def test_errors_and_fallbacks_end_it(counts: Counts, told: str | None) -> None:
    found = fault(counts, Canary(max_fallback_rise=0.05, max_error_share=0.01))
    assert (told in found) if told and found else found == told


@pytest.mark.parametrize(
    ("low", "high", "more_is_better", "harms"),
    [
        (-30, -2, True, True),
        (-30, 2, True, False),
        (2, 30, True, False),
        (2, 30, False, True),
    ],
)
def test_harm_is_an_interval_on_the_wrong_side(
    low: float, high: float, more_is_better: bool, harms: bool
) -> None:
    look = {"lower": low, "upper": high}
    earlier = {"lower": -9.0, "upper": -8.0}
    analysis = {
        "definitions": [{"name": "carts", "more_is_better": more_is_better}],
        "looks_of": {"carts": {"T1": [earlier, look]}},
    }
    assert bool(harm(analysis)) == harms
    assert harm({**analysis, "looks_of": {"carts": {"T1": []}}}) is None


def lists(directory: Path, shift: int, users: int = 400) -> Path:
    """Lists by taste; those of a shift are of another taste."""
    directory.mkdir(parents=True)
    rows = []
    for user in range(users):
        start = (user % 4 * 10 + shift) % 40
        rows.append({"user": f"u{user}", "items": ITEMS[start : start + 5]})
    near = [{"item": item, "items": ITEMS[:5]} for item in ITEMS[5:]]
    for name, content in (
        ("recommendations.json", rows),
        ("neighbours.json", near),
        ("items.json", [{"item": item, "title": item} for item in ITEMS]),
    ):
        (directory / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    (directory / "popular.json").write_text(json.dumps({"items": ITEMS}))
    return directory


def test_trials_and_publications_move_the_link(tmp_path: Path) -> None:
    place = Serving(tmp_path / "serving")
    good, other = lists(tmp_path / "good", 0), lists(tmp_path / "other", 10)
    link = place.root / "canary"
    place.publish(good, "good", "")
    assert link.resolve().name == "good"
    place.try_out(other, "other")
    assert (place.current(), link.resolve().name) == ("good", "other")
    place.end_trial()
    assert link.resolve().name == "good"
    place.publish(other, "other", "")
    assert link.resolve().name == "other"
    place.rollback("bad")
    assert link.resolve().name == "good"
    with pytest.raises(StopNightError, match="rolled back"):
        place.try_out(other, "other")


@contextmanager
def visiting(visit: Callable[[random.Random], None]) -> Iterator[None]:
    """One visit after the other until the block ends."""
    ended, chance = threading.Event(), random.Random(1)

    def visits() -> None:
        while not ended.is_set():
            visit(chance)

    thread = threading.Thread(target=visits)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _shop(port: int, chance: random.Random) -> None:
    """The visitor puts something into the cart if an item of the answer is of their taste."""
    user, url = chance.randrange(400), f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(
        f"{url}/recommendations/?user_id=u{user}&k=5", timeout=10
    ) as answer:
        items: list[str] = json.loads(answer.read())["recs"]
    liked = any(ITEMS.index(item) // 10 == user % 4 for item in items)
    kinds = ["view", "addtocart"] if liked else ["view"]
    body = json.dumps([{"user": f"u{user}", "item": items[0], "event": kind} for kind in kinds])
    asked = urllib.request.Request(
        f"{url}/events", body.encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(asked, timeout=10).close()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("shift", "users", "told"),
    [
        pytest.param(10, 400, "harm", id="harm"),
        pytest.param(0, 100, "fallback share of T1", id="fallbacks"),
        pytest.param(0, 399, None, id="as good", marks=pytest.mark.nightly),
    ],
)
def test_a_bad_candidate_is_taken_back_and_a_good_one_passes(
    shift: int, users: int, told: str | None, tmp_path: Path
) -> None:
    place = Serving(tmp_path / "serving")
    place.publish(lists(tmp_path / "good", 0), "good", "")
    candidate = lists(tmp_path / "tried", shift, users)
    service = {
        "face": "shop",
        "data_dir": str(place.root / "current"),
        "log_dir": str(tmp_path / "log"),
        "watch_lists": True,
        "watch_settle": 0.5,
        "least_kept": 0,
        "lists": {
            "recommendations": "recommendations.json",
            "canary": str(place.root / "canary/recommendations.json"),
        },
        "neighbours": {"neighbours": "neighbours.json"},
        "items": "items.json",
        "popular": "popular.json",
        "similar": "neighbours",
        "recommenders": {
            "for_you": {"type": "user_list", "list": "recommendations"},
            "tried": {"type": "user_list", "list": "canary"},
        },
        "experiments": {"CANARY": {"treatments": {"C": "for_you", "T1": "tried"}}},
        "default": "for_you",
    }
    (tmp_path / "service.yml").write_text(yaml.safe_dump(service))
    with serving("--config", tmp_path / "service.yml") as port:
        config = Config(
            canary=Canary(
                experiment="CANARY", log=str(tmp_path / "log"),
                hours=25 / 3600, every=5.0, min_users=50,
            ),
            service=Service(url=f"http://127.0.0.1:{port}"),
        )  # fmt: skip
        out = tmp_path / "out"
        out.mkdir()
        with visiting(partial(_shop, port)):
            if told is None:
                result = canary.work(config, place, candidate, "tried", out)
                assert min(result.metrics.values()) >= 50
            else:
                with pytest.raises(StopNightError, match=f"taken back: .*{told}"):
                    canary.work(config, place, candidate, "tried", out)
    assert place.current() == "good"
    assert (place.root / "canary").resolve().name == "good"


def music_lists(directory: Path, shift: int) -> Path:
    directory.mkdir(parents=True)
    rows = []
    for user in range(400):
        start = (user % 4 * 10 + shift) % 40
        rows.append({"user": user, "tracks": list(range(start, start + 10))})
    tracks = [{"track": n, "artist": f"a{n}", "title": f"t{n}"} for n in range(100)]
    for name, content in (("recommendations.json", rows), ("tracks.json", tracks)):
        (directory / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    (directory / "top_tracks.json").write_text(json.dumps(list(range(100))))
    return directory


def _listen(port: int, chance: random.Random) -> None:
    """A session of five tracks: those of the listener's taste are heard to the end."""
    user, track = chance.randrange(400), 50
    for play in range(5):
        heard = 1.0 if track // 10 == user % 4 else 0.1
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/{'last' if play == 4 else 'next'}/{user}",
            json.dumps({"track": track, "time": heard}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            track = json.loads(answer.read()).get("track", track)


@pytest.mark.integration
@pytest.mark.nightly
def test_a_bad_candidate_of_music_is_taken_back(tmp_path: Path) -> None:
    place = Serving(tmp_path / "serving")
    place.publish(music_lists(tmp_path / "good", 0), "good", "")
    candidate = music_lists(tmp_path / "tried", 10)
    service = {
        "data_dir": str(place.root / "current"),
        "log_dir": str(tmp_path / "log"),
        "catalog": "tracks.json",
        "top_tracks": "top_tracks.json",
        "watch_lists": True,
        "watch_settle": 0.5,
        "lists": {
            "learned": "recommendations.json",
            "canary": str(place.root / "canary/recommendations.json"),
        },
        "neighbours": {},
        "recommenders": {
            "learned": {"type": "indexed", "list": "learned"},
            "tried": {"type": "indexed", "list": "canary"},
        },
        "experiments": {"CANARY": {"treatments": {"C": "learned", "T1": "tried"}}},
        "default": "learned",
    }
    (tmp_path / "service.yml").write_text(yaml.safe_dump(service))
    with serving("--config", tmp_path / "service.yml") as port:
        config = Config(
            face="music",
            canary=Canary(
                experiment="CANARY", log=str(tmp_path / "log"),
                hours=40 / 3600, every=8.0, min_users=50,
            ),
            service=Service(url=f"http://127.0.0.1:{port}"),
        )  # fmt: skip
        out = tmp_path / "out"
        out.mkdir()
        with visiting(partial(_listen, port)), pytest.raises(StopNightError, match="mean_session"):
            canary.work(config, place, candidate, "tried", out)
    assert (place.root / "canary").resolve().name == "good"
