"""The ratings face in this process: answers, their log lines, and the document."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from flask import Flask

from botify.api.ratings.openapi import ratings_document
from contract.bucketing import treatment
from contract.rating_events import RECO
from contract.schema import json_schema

from ...published import N_ITEMS, publication, publish_to, ratings

AB = {"SVD_VS_SMALL": {"treatments": {"C": "svd", "T1": "small"}}}
HALVES = {"C": 1, "T1": 1}
RATED = ratings()


def get(app: Flask, path: str, **more: Any) -> tuple[int, Any]:
    answer = app.test_client().open(path, **{"method": "GET", **more})
    assert answer.mimetype == "application/json"
    return answer.status_code, answer.json


def logged(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "log" / "data.json").read_text().splitlines()]


def expected(user: int, factors: int = 4) -> list[int]:
    """All items that the user has not rated, best first, by the model's own vectors."""
    vectors = publication(factors).vectors
    scores = vectors.items.astype(np.float32) @ vectors.users[user].astype(np.float32)
    scores[RATED[user].indices] = -np.inf
    order = np.argsort(-scores, kind="stable")
    return [int(item) for item in order if np.isfinite(scores[item])]


def test_the_best_items_that_the_user_has_not_rated(app: Flask, stores: Path) -> None:
    for user in range(20):
        status, answer = get(app, f"/reco?UsrID={user}&n_recos=7")
        best = expected(user)[:7]
        assert (status, answer["items"]) == (200, [str(item) for item in best])
        assert answer["user"] == str(user)
        assert "cold" not in answer
        assert answer["ratings"] == sorted(answer["ratings"], reverse=True)
        assert all(0.5 <= rating <= 5 for rating in answer["ratings"])
        assert answer["labels"][0].startswith(("Film ", "</script>", "39"))
    assert {line["recommender"] for line in logged(stores)} == {"svd"}


def test_a_user_who_rated_nearly_all_gets_what_is_left(app: Flask) -> None:
    _, answer = get(app, "/reco?UsrID=0&n_recos=1000")
    assert sorted(answer["items"], key=int) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "more",
    [
        {"query_string": {"UsrID": "7", "n_recos": "5"}},
        {"data": {"UsrID": "7", "n_recos": "5"}},
        {"data": b"UsrID=7&n_recos=5", "content_type": "application/x-www-form-urlencoded"},
        {"data": b"UsrID=7&n_recos=5"},
        {"data": b'{"UsrID": 7, "n_recos": 5}'},
        {
            "data": b' {"UsrID": 7, "n_recos": 5}',
            "content_type": "application/x-www-form-urlencoded",
        },
        {"json": {"UsrID": "7", "n_recos": 5}},
        {"json": {"UsrID": 7, "n_recos": 5}, "method": "POST"},
        {
            "data": {"UsrID": "7", "n_recos": "5"},
            "content_type": "multipart/form-data",
            "method": "POST",
        },
    ],
)
def test_the_parameters_may_come_in_any_form(app: Flask, more: dict[str, Any]) -> None:
    status, answer = get(app, "/reco", **more)
    assert (status, answer["items"]) == (200, [str(item) for item in expected(7)[:5]])


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/reco", {}),
        ("/reco?UsrID=7&n_recos=0", {}),
        ("/reco?UsrID=7&n_recos=1000000000", {}),
        ("/reco?UsrID=%ff", {}),
        ("/reco?UsrID=7&user=8", {}),
        ("/reco", {"data": b"UsrID=\xff"}),
        ("/reco", {"data": b"{", "content_type": "application/json"}),
        ("/reco", {"data": b'{"UsrID": 7, "ratings": {"1": 7}}'}),
        ("/recs?top=-1", {"headers": {"Accept": "application/json"}}),
    ],
)
def test_a_malformed_request_is_a_400(
    app: Flask, path: str, more: dict[str, Any], stores: Path
) -> None:
    status, answer = get(app, path, **more)
    assert (status, list(answer)) == (400, ["message"])
    assert logged(stores) == []


@pytest.mark.parametrize("user", ["1" + "0" * 30, "60", "07"])
def test_an_unknown_user_gets_popular_items_marked_cold(
    app: Flask, stores: Path, user: str
) -> None:
    _, answer = get(app, f"/reco?UsrID={user}&n_recos=3")
    counts = np.diff(RATED.tocsc().indptr)
    popular = np.argsort(-counts, kind="stable")[:3]
    assert answer["cold"] is True
    assert answer["items"] == [str(item) for item in popular]
    means = [RATED[:, item].sum() / counts[item] for item in popular]
    np.testing.assert_allclose(answer["ratings"], means, atol=1e-3)
    (line,) = logged(stores)
    assert (line["user"], line["cold"], line["recommender"]) == (user, True, "popular")


@pytest.mark.parametrize("user", ["abc", "-1", "4.0", "٤"])
def test_where_all_users_are_numbers_another_id_is_a_mistake(
    app: Flask, stores: Path, user: str
) -> None:
    status, answer = get(app, f"/reco?UsrID={user}")
    assert status == 400
    assert answer == {
        "message": f"the users of this data are whole numbers such as 40, not {user!r}"
    }
    assert logged(stores) == []


def test_a_user_who_has_rated_everything_is_told_so(app: Flask) -> None:
    everything = {str(item): 3 for item in range(N_ITEMS)}
    asked = {"UsrID": 777, "ratings": everything}
    status, answer = get(app, "/reco", json=asked, method="POST")
    assert (status, answer["items"]) == (200, [])
    assert "rated every item" in answer["message"]


def test_a_new_user_by_ratings_of_the_request(app: Flask, stores: Path) -> None:
    ends = expected(3)
    asked = {"UsrID": 777, "n_recos": 40, "ratings": {"5": 5, "6": 0.5, "gone": 3}}
    status, answer = get(app, "/reco", json=asked, method="POST")
    assert status == 200
    assert "cold" not in answer
    assert answer["unknown_items"] == ["gone"]
    assert len(answer["items"]) == N_ITEMS - 2
    assert not {"5", "6"} & set(answer["items"])
    turned = {**asked, "ratings": {"5": 0.5, "6": 5}}
    assert get(app, "/reco", json=turned, method="POST")[1]["items"] != answer["items"]
    # Nothing is stored.
    assert get(app, "/reco?UsrID=777")[1]["cold"] is True
    assert [line["folded_in"] for line in logged(stores)] == [3, 2, 0]
    assert [str(item) for item in ends[:10]] == get(app, "/reco?UsrID=3")[1]["items"]


def test_ratings_of_the_request_join_those_of_a_known_user(app: Flask) -> None:
    best = get(app, "/reco?UsrID=3&n_recos=40")[1]["items"]
    _, answer = get(app, "/reco", json={"UsrID": 3, "n_recos": 40, "ratings": {best[0]: 5}})
    assert set(answer["items"]) == set(best) - {best[0]}


def test_ratings_of_unknown_items_alone_leave_a_user_cold(app: Flask) -> None:
    _, answer = get(app, "/reco", json={"UsrID": 777, "ratings": {"gone": 3}})
    assert (answer["cold"], answer["unknown_items"]) == (True, ["gone"])


def test_two_models_in_one_test(make: Callable[..., Flask], stores: Path) -> None:
    app = make(experiments=AB, default=None, allow_forced=True)
    arms = {"C": expected, "T1": lambda user: expected(user, 2)}
    for user in range(20):
        arm = treatment(str(user), "SVD_VS_SMALL", HALVES)
        _, answer = get(app, f"/reco?UsrID={user}")
        assert answer["items"] == [str(item) for item in arms[arm](user)[:10]]
    forced = {"X-Botify-Experiments": "SVD_VS_SMALL=T1"}
    _, answer = get(app, "/reco?UsrID=9", headers=forced)
    assert answer["items"] == [str(item) for item in expected(9, 2)[:10]]
    *lines, last = logged(stores)
    assert {line["recommender"] for line in lines} == {"svd", "small"}
    versions = {line["recommender"]: line["model_version"] for line in lines}
    assert versions["svd"] != versions["small"]
    assert (last["experiments"], last["forced"]) == ({}, {"SVD_VS_SMALL": "T1"})


def test_every_line_is_as_the_schema_says(make: Callable[..., Flask], stores: Path) -> None:
    app = make(allow_forced=True, experiments=AB)
    get(app, "/reco?UsrID=5", headers={"X-Botify-Experiments": "SVD_VS_SMALL=T1"})
    get(app, "/reco?UsrID=888")
    get(app, "/recs?user_id=3&top=4", headers={"Accept": "application/json"})
    lines = logged(stores)
    assert [line["route"] for line in lines] == ["reco", "reco", "recs"]
    for line in lines:
        jsonschema.validate(line, json_schema("reco"))
    assert tuple(lines[0]) == tuple(field.name for field in RECO)


def test_another_version_is_served_from_the_next_round_on(app: Flask, stores: Path) -> None:
    monitor = app.extensions["botify"]
    before = get(app, "/reco?UsrID=7")[1]
    version = publish_to(stores / "four", now=lambda: 2, factors=3)
    monitor._round()
    answer = get(app, "/reco?UsrID=7")[1]
    assert before["model_version"] != answer["model_version"] == version
    assert answer["items"] == [str(item) for item in expected(7, 3)[:10]]
    assert monitor.report().models == {"svd": version, "top": version, "small": _other(stores)}


def _other(stores: Path) -> str:
    return str(json.loads((stores / "two" / "active.json").read_text())["version"])


def test_a_precomputed_ranking_is_preferred(make: Callable[..., Flask], stores: Path) -> None:
    publish_to(stores / "four", now=lambda: 2, factors=4, precompute=5)
    app = make()
    best = [str(item) for item in expected(7)]
    for n in (5, 12):  # stored, and longer than what is stored
        assert get(app, f"/reco?UsrID=7&n_recos={n}")[1]["items"] == best[:n]


def test_popular_items_while_the_users_are_away(app: Flask, stores: Path) -> None:
    monitor = app.extensions["botify"]
    users = stores / "four" / "users"
    users.rename(stores / "gone")
    status, answer = get(app, "/reco?UsrID=7&n_recos=3")
    assert (status, answer["fallback"]) == (200, True)
    assert answer["items"] == get(app, "/reco?UsrID=888&n_recos=3")[1]["items"]
    assert logged(stores)[-1]["recommender"] == "fallback"
    status, ready = get(app, "/health/ready")
    assert (status, ready["status"]) == (200, "degraded")
    assert "the store of factors is unavailable" in ready["reasons"][0]
    assert get(app, "/health")[0] == 503
    (stores / "gone").rename(users)
    for _ in range(2):
        monitor._round()
    assert "fallback" not in get(app, "/reco?UsrID=7")[1]
    assert get(app, "/health/ready")[1]["status"] == "ready"


def test_items_that_are_away_are_answered_from_memory(app: Flask, stores: Path) -> None:
    monitor = app.extensions["botify"]
    active = stores / "four" / "active.json"
    active.rename(stores / "gone.json")
    monitor._round()
    answer = get(app, "/reco?UsrID=7")[1]
    assert (answer["items"], "fallback" in answer) == ([str(i) for i in expected(7)[:10]], False)
    assert "nothing is published there" in str(get(app, "/health")[1])
    (stores / "gone.json").rename(active)
    monitor._round()
    assert get(app, "/health")[1] == {"status": "ok"}


def test_before_anything_is_published(make: Callable[..., Flask], stores: Path) -> None:
    (stores / "four" / "active.json").unlink()
    app = make()
    status, answer = get(app, "/reco?UsrID=7")
    assert (status, list(answer)) == (503, ["message"])
    assert "nothing is published there" in answer["message"]
    status, ready = get(app, "/health/ready")
    assert (status, ready["status"]) == (503, "away")
    publish_to(stores / "four", now=lambda: 2)
    app.extensions["botify"]._round()
    assert get(app, "/reco?UsrID=7")[0] == 200
    assert get(app, "/health/ready")[1]["status"] == "ready"


def test_the_document_tells_of_every_route(make: Callable[..., Flask]) -> None:
    app = make(allow_forced=True, experiments=AB)
    document = app.test_client().get("/openapi.json").json
    assert {"/", "/reco", "/recs", "/health/ready"} <= set(document["paths"])
    described = app.test_client().get("/experiments").json["experiments"]
    assert document == ratings_document(described, True, (0.5, 5.0), numbered=True)
