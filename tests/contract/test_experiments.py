"""Experiments and recommenders from the config, as a real service answers and logs them."""

import http.client
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmh3
import pytest
from scipy.stats import chi2_contingency

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Connect = Callable[[str], Any]

NEAR = {"neighbours": "contextual"}
RECOMMENDERS: dict[str, dict[str, Any]] = {
    "random": {"type": "random"},
    "top_pop": {"type": "top_pop"},
    "sticky_artist": {"type": "sticky_artist"},
    "contextual": {"type": "contextual", **NEAR},
    "similar": {"type": "similar", **NEAR},
}


def config(experiments: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"recommenders": RECOMMENDERS, "experiments": experiments} | changes


def only(name: str, **options: Any) -> dict[str, Any]:
    """Everybody gets one recommender, with these options."""
    recommenders = RECOMMENDERS | {name: RECOMMENDERS[name] | options}
    return {"recommenders": recommenders, "experiments": {}, "default": name}


def play_users(served: Any, connect: Connect, users: range) -> dict[int, dict[str, Any]]:
    """One `next` and the `last` of each user; the `next` line of the log by user."""
    connection = connect(served.url)
    for user in users:
        status, body = connection.play("next", user, 0, 1.0)
        assert status == 200
        assert connection.play("last", user, body["track"], 0.5)[0] == 200
    assert served.stop() == 0
    nexts, lasts = (
        {event["user"]: event for event in served.log() if event["message"] == message}
        for message in ("next", "last")
    )
    assert set(nexts) == set(lasts) == set(users)
    for user in users:
        assert nexts[user]["experiments"] == lasts[user]["experiments"]
    return nexts


def test_a_weighted_split_and_a_second_experiment_are_in_the_log(
    serve: Serve, connect: Connect
) -> None:
    users = range(400)
    experiments = {
        "WATCHED": {"treatments": {"C": None, "T1": None}, "share": 50},
        "ANSWERS": {
            "treatments": {"C": "random", "T1": "top_pop"},
            "weights": {"C": 10, "T1": 30},
        },
    }
    events = play_users(serve(config(experiments)), connect, users)
    seed = mmh3.hash("ANSWERS", signed=False)
    for user, event in events.items():
        drawn = "C" if mmh3.hash(str(user), seed, signed=False) % 4 == 0 else "T1"
        assert event["experiments"]["ANSWERS"] == drawn
        assert event["recommender"] == {"C": "random", "T1": "top_pop"}[drawn]
        assert "forced" not in event
    pairs = Counter(
        (event["experiments"]["ANSWERS"], event["experiments"].get("WATCHED", "-"))
        for event in events.values()
    )
    # A half and a quarter, give or take 4 standard deviations of a binomial.
    in_half = sum(count for (_, watched), count in pairs.items() if watched != "-")
    assert abs(in_half - 200) < 4 * (400 * 0.5 * 0.5) ** 0.5
    in_quarter = sum(count for (answers, _), count in pairs.items() if answers == "C")
    assert abs(in_quarter - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5
    table = [[pairs[answers, watched] for watched in ("-", "C", "T1")] for answers in ("C", "T1")]
    assert chi2_contingency(table).pvalue > 0.001


def test_a_layer_puts_nobody_into_two_experiments_and_default_answers_the_rest(
    serve: Serve, connect: Connect
) -> None:
    experiments = {
        "A": {"treatments": {"C": "random", "T1": "top_pop"}, "layer": "home", "share": 40},
        "B": {"treatments": {"C": "similar"}, "layer": "home", "share": 40},
    }
    changes = config(experiments, default="sticky_artist")
    events = play_users(serve(changes), connect, range(200))
    answered = Counter(
        (*event["experiments"].items(), event["recommender"]) for event in events.values()
    )
    assert set(answered) == {
        (("A", "C"), "random"),
        (("A", "T1"), "top_pop"),
        (("B", "C"), "similar"),
        ("sticky_artist",),
    }
    assert abs(answered[("B", "C"), "similar"] - 80) < 4 * (200 * 0.4 * 0.6) ** 0.5
    assert abs(answered[("sticky_artist",)] - 40) < 4 * (200 * 0.2 * 0.8) ** 0.5


LADDER = {
    "UPPER": {"treatments": {"C": None, "T1": "similar"}},
    "LOWER": {"treatments": {"C": "random", "T1": "top_pop"}},
}


def ask(url: str, route: str, user: int, forced: str) -> tuple[int, Any]:
    """A play of track 0 with the header that forces treatments."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        body = json.dumps({"track": 0, "time": 1.0})
        headers = {"X-Botify-Experiments": forced}
        connection.request("POST", f"/{route}/{user}", body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_treatments_are_not_forced_unless_the_config_allows_it(
    serve: Serve, connect: Connect
) -> None:
    served = serve(config(LADDER))
    users = range(8)
    for user in users:
        assert ask(served.url, "next", user, "UPPER=T1")[0] == 200
        assert ask(served.url, "last", user, "NOWHERE=T1")[0] == 200
    with_header = served.log()
    for user in users:
        assert connect(served.url).play("next", user, 0, 1.0)[0] == 200
    assert served.stop() == 0
    drawn = {event["user"]: event["experiments"] for event in served.log()[16:]}
    assert {experiments["UPPER"] for experiments in drawn.values()} == {"C", "T1"}
    assert len(with_header) == 16
    for event in with_header:
        assert "forced" not in event
        assert event["experiments"] == drawn[event["user"]]


def test_a_forced_treatment_answers_and_no_analysis_counts_it(serve: Serve) -> None:
    cases: list[tuple[str, dict[str, str], set[str]]] = [
        ("UPPER=T1", {"UPPER": "T1"}, {"similar"}),
        ("LOWER=T1", {"LOWER": "T1"}, {"top_pop"}),
        ("UPPER=C, LOWER=C", {"UPPER": "C", "LOWER": "C"}, {"random"}),
        ("UPPER=C", {"UPPER": "C"}, {"random", "top_pop"}),
    ]
    served = serve(config(LADDER, allow_forced=True))
    for case, (header, _, _) in enumerate(cases):
        for user in range(100 * case, 100 * case + 12):
            assert ask(served.url, "next", user, header)[0] == 200
            assert ask(served.url, "last", user, header) == (200, {"user": user})
    assert served.stop() == 0
    log = served.log()
    for case, (_, forced, answers) in enumerate(cases):
        events = [event for event in log if event["user"] // 100 == case]
        assert len(events) == 24
        for event in events:
            assert event["forced"] == forced
            assert not set(event["experiments"]) & set(forced)
        # Whatever the users' own treatments are, in the forced experiment and in the others.
        assert {e["recommender"] for e in events if e["message"] == "next"} == answers


def test_forcing_what_is_not_there_is_refused(serve: Serve) -> None:
    served = serve(config(LADDER, allow_forced=True))
    for header, named in [
        ("NOWHERE=T1", "NOWHERE"),
        ("UPPER=T7", "T7"),
        ("UPPER=T1, LOWER", "LOWER"),
    ]:
        for route in ("next", "last"):
            status, body = ask(served.url, route, 1, header)
            assert status == 400
            assert named in body["message"]
    assert served.stop() == 0
    assert served.log() == []


def test_get_experiments_says_what_runs(serve: Serve, connect: Connect) -> None:
    experiments = {
        "WATCHED": {"treatments": {"C": None, "T1": None}, "salt": "2026", "share": 20},
        "ANSWERS": {"treatments": {"C": "random", "T1": "top_pop"}, "weights": {"C": 9, "T1": 1}},
    }
    connection = connect(serve(config(experiments)).url)
    status, body = connection.request("GET", "/experiments")
    assert status == 200
    assert body["experiments"] == [
        {
            "name": "WATCHED",
            "treatments": {"C": None, "T1": None},
            "weights": {"C": 1, "T1": 1},
            "salt": "2026",
            "layer": None,
            "share": 20,
            "decides": False,
        },
        {
            "name": "ANSWERS",
            "treatments": {"C": "random", "T1": "top_pop"},
            "weights": {"C": 9, "T1": 1},
            "salt": "ANSWERS",
            "layer": None,
            "share": 100,
            "decides": True,
        },
    ]


def answered(served: Any) -> list[tuple[int, str, int | None, float]]:
    """Track, recommender, rank and propensity of each answer in the log."""
    names = ("recommendation", "recommender", "rank", "propensity")
    return [tuple(event[name] for name in names) for event in served.log()]


def test_similar_follows_the_neighbours_of_each_track(serve: Serve, connect: Connect) -> None:
    served = serve(only("similar"))
    connection = connect(served.url)
    track = 36
    for _ in range(5):
        track = connection.play("next", 1, track, 1.0)[1]["track"]
    assert answered(served) == [
        (37, "similar", 0, 1.0),
        (38, "similar", 0, 1.0),
        (39, "similar", 0, 1.0),
        (35, "top_pop", 4, 1.0),  # 39 has no neighbours; the popular are 39, 38, ...
        (34, "top_pop", 5, 1.0),  # 36 and 37, those of 35, were heard
    ]


def test_the_seen_filter_keeps_contextual_from_repeating(serve: Serve, connect: Connect) -> None:
    served = serve(only("contextual", seen_filter=True))
    connection = connect(served.url)
    for _ in range(3):
        assert connection.play("next", 1, 0, 1.0)[0] == 200
    first, second, third = answered(served)
    assert {first[0], second[0]} == {1, 2}
    assert [event[1:] for event in (first, second, third)] == [
        ("contextual", first[0] - 1, 1 / 2),
        ("contextual", second[0] - 1, 1.0),
        ("random", None, 1 / 37),
    ]


def test_excluded_tracks_are_not_offered(serve: Serve, connect: Connect) -> None:
    served = serve(only("similar", exclude=[1, 39]))
    connection = connect(served.url)

    def offered(user: int, *exclude: int) -> int:
        body = json.dumps({"track": 0, "time": 1.0, "exclude": exclude}).encode()
        status, answer = connection.request("POST", f"/next/{user}", body)
        assert status == 200
        track: int = answer["track"]
        return track

    assert offered(1) == 2
    # Those of the request join those of the config, in fallbacks too, for this request alone.
    assert offered(2, 2) == 38
    assert offered(3, 2, 38, 36) == 37
    assert offered(3, 38) == 2
    # With all but two of the catalog excluded, chance has only those.
    assert {offered(user, *range(2, 38)) for user in range(10, 20)} == {38}
    assert {offered(user, *range(2, 37), 38) for user in range(20, 30)} == {37}


def test_a_request_that_excludes_what_cannot_be_is_refused(serve: Serve, connect: Connect) -> None:
    connection = connect(serve(only("similar")).url)
    for exclude in (7, "7", {}, ["7"], [7.0], [True], [None], [40], [-1], [10**30], [0] * 1001):
        body = json.dumps({"track": 0, "time": 1.0, "exclude": exclude}).encode()
        for route in ("next", "last"):
            status, answer = connection.request("POST", f"/{route}/1", body)
            assert status == 400
            assert "exclude" in answer["message"]


def test_a_config_that_excludes_an_unknown_track_stops_the_start(
    botify: Callable[..., Any], config_path: Callable[..., Path], data_dir: Path
) -> None:
    path = config_path(**only("similar", exclude=[40]))
    result = botify("serve", "--config", path, "--port", 0, "--data-dir", data_dir)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == (
        "Error: recommenders.similar.exclude: track 40 is not in the catalog (0 to 39)\n"
    )
