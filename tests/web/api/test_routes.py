"""The routes: whose data, which pages, how many queries, what a schema says of them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from web.people.models import User
from web.ratings.models import Interaction
from web.recommendations.defaults import make_defaults
from web.recommendations.models import Recommender, SimilarityMatrix, SimilarityMatrixCell

Make = Callable[..., Any]


def test_one_rates_and_changes_and_takes_back(api: Make, make_item: Make) -> None:
    client, item = api(), make_item("Alien")
    made = client.post("/api/interactions/", {"item": item.pk, "rating": 4}, "json")
    assert (made.status_code, made.data["user"]) == (201, client.user.pk)
    assert made.data["item"] == f"http://testserver/api/items/{item.pk}/"
    again = client.post("/api/interactions/", {"item": made.data["item"], "rating": 5}, "json")
    assert (again.status_code, again.data["id"]) == (200, made.data["id"])
    path = f"/api/interactions/{made.data['id']}/"
    for _ in range(2):
        assert client.patch(path, {"rating": 2.5}, "json").data["rating"] == 2.5
    row = Interaction.objects.get()
    assert (row.revision, row.rating) == (3, 2.5)
    item.refresh_from_db()
    assert (item.votes, item.rating) == (1, 2.5)
    assert client.patch(path, {"rating": 0}, "json").status_code == 400
    assert client.patch(path, {"user": 5}, "json").data["message"] == "user: cannot be changed"
    assert client.delete(path).status_code == 204
    item.refresh_from_db()
    assert item.votes == 0


def test_a_person_sees_the_own_data_and_staff_all(api: Make, make_item: Make) -> None:
    ada, eve, staff = api("ada"), api("eve"), api("staff", staff=True)
    item = make_item("Alien")
    for client in (ada, eve):
        client.post("/api/interactions/", {"item": item.pk, "rating": 4}, "json")
    people = SimilarityMatrix.objects.create(name="people", type=1, version=1)
    items = SimilarityMatrix.objects.create(name="items", type=2, version=1)
    for row, column in ((ada.user.pk, 7), (8, ada.user.pk), (8, 9)):
        SimilarityMatrixCell.objects.create(
            matrix=people, version=1, row=row, column=column, value=1
        )
    SimilarityMatrixCell.objects.create(matrix=items, version=1, row=1, column=2, value=1)
    for path, own, all_of_them in (
        ("interactions", 1, 2),
        ("users", 1, 3),
        ("similarity-matrix-cells", 3, 4),
    ):
        assert len(ada.get(f"/api/{path}/").data["results"]) == own, path
        assert len(staff.get(f"/api/{path}/").data["results"]) == all_of_them, path
    rating = Interaction.objects.get(user_id=eve.user.pk)
    for method in ("get", "put", "patch", "delete"):
        send = getattr(ada, method)
        assert send(f"/api/interactions/{rating.pk}/", {"rating": 1}, "json").status_code == 404
        assert send(f"/api/users/{eve.user.pk}/", {}, "json").status_code in (403, 404)
    # Staff read; to write what is another's takes the permission.
    assert staff.delete(f"/api/interactions/{rating.pk}/").status_code == 404
    assert api("boss", manager=True).delete(f"/api/interactions/{rating.pk}/").status_code == 204


def test_who_manages_the_api_does_not_become_more_by_it(api: Make, make_user: Make) -> None:
    manager, root = api("manager", manager=True), make_user("root", superuser=True, staff=True)
    path = f"/api/users/{root.pk}/"
    assert manager.patch(path, {"email": "mine@example.org"}, "json").status_code == 403
    assert manager.delete(path).status_code == 403
    for key in ("is_staff", "is_superuser", "password", "user_permissions"):
        answer = manager.post("/api/users/", {"username": "x", key: True}, "json")
        assert (answer.status_code, key in answer.data["message"]) == (400, True)
    made = manager.post("/api/users/", {"username": "x", "email": "x@example.org"}, "json")
    assert not User.objects.get(pk=made.data["id"]).has_usable_password()
    assert (
        manager.post("/api/users/", {"username": "y", "email": "X@example.org"}, "json")
        .data["message"]
        .startswith("email: another account")
    )


@pytest.mark.parametrize("query", ["page_size=7", "limit=7&offset=0"])
def test_pages_lose_and_repeat_nothing_among_equal_rows(
    api: Make, make_item: Make, query: str
) -> None:
    when, item = datetime(2026, 1, 1, tzinfo=UTC), make_item("Alien")
    rows = [Interaction(user_id=n, item=item, rating=3, created_at=when) for n in range(1, 31)]
    Interaction.objects.bulk_create(rows)
    client = api(staff=True)
    forwards, page = [], client.get(f"/api/interactions/?{query}").data
    while True:
        forwards += [one["id"] for one in page["results"]]
        if not page["next"]:
            break
        page = client.get(page["next"]).data
    assert forwards == sorted(row.pk for row in rows)
    backwards = []
    while True:
        backwards = [one["id"] for one in page["results"]] + backwards
        if not page["previous"]:
            break
        page = client.get(page["previous"]).data
    assert backwards == forwards
    assert client.get("/api/interactions/?page_size=999999").status_code == 200


LISTS = (
    "users",
    "items",
    "interactions",
    "similarity-matrix",
    "similarity-matrix-cells",
    "recommenders",
)


@pytest.mark.parametrize("name", LISTS)
def test_a_longer_list_takes_no_more_queries(
    api: Make, make_item: Make, make_user: Make, name: str
) -> None:
    client = api(superuser=True)

    def add(n: int) -> None:
        item = make_item(f"film {n}", f"tag {n}", "Drama")
        make_user(f"user {n}")
        Interaction.objects.create(user_id=n, item=item, rating=3)
        matrix = SimilarityMatrix.objects.create(name=f"m{n}", type=2)
        SimilarityMatrixCell.objects.create(matrix=matrix, version=1, row=1, column=n, value=1)
        Recommender.objects.create(name=f"r{n}", type=3, item_similarity_matrix=matrix)

    counts = []
    add(1)
    client.get(f"/api/{name}/")
    for n in (2, 3, 4, 5):
        add(n)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(f"/api/{name}/")
        counts.append(len(queries))
    assert len(set(counts)) == 1
    assert client.get(f"/api/{name}").status_code == 200


def test_what_is_wrong_is_said_in_one_form(api: Make, make_item: Make) -> None:
    client, item = api(superuser=True), make_item("Alien")
    for send, message in (
        (lambda: client.get("/api/items/999/"), "No Item matches"),
        (lambda: client.get("/api/items/x/"), "ot found"),
        (lambda: client.get(f"/api/items/{2**70}/"), "No Item matches"),
        (lambda: client.post("/api/items/", "{", "application/json"), "JSON parse error"),
        (lambda: client.post("/api/items/", [1], "json"), "Invalid data"),
        (lambda: client.post("/api/items/", {"name": ""}, "json"), "name: "),
        (
            lambda: client.post("/api/items/", {"name": "x", "votes_": 1}, "json"),
            "votes_: is unknown",
        ),
        (lambda: client.post("/api/items/", {"name": "x" * 256}, "json"), "name: "),
        (lambda: client.post("/api/items/", {"name": "x", "tags": ["-a"]}, "json"), "tags: "),
        (lambda: client.post("/api/items/", {"name": "x", "tags": [""]}, "json"), "tags"),
        (lambda: client.post("/api/items/", {"name": "x\0"}, "json"), "name: "),
        (lambda: client.post("/api/items/", b"x", "text/plain"), "Unsupported media type"),
        (lambda: client.put("/api/items/", {}, "json"), 'Method "PUT" not allowed'),
        (lambda: client.get("/api/items/?cursor=x"), "Invalid cursor"),
        (lambda: client.get("/api/interactions/?user=x"), "user: "),
        (lambda: client.post("/api/similarity-matrix-cells/", [{}], "json"), "entry 1: "),
        (lambda: client.post("/api/interactions/", [7], "json"), "entry 1: "),
        (lambda: client.post("/api/interactions/", 7, "json"), "an entry that is no object"),
    ):
        answer = send()
        assert 400 <= answer.status_code < 500, answer.data
        assert message in answer.data["message"], answer.data
    address = f"/api/items/{item.pk}/"
    for image in ("javascript:alert(1)", "data:text/html,x", "//evil.example/x"):
        refused = client.patch(address, {"image": image}, "json")
        assert (refused.status_code, list(refused.data["fields"])) == (400, ["image"])
    # What is counted of ratings can be sent back, and is not taken.
    assert client.patch(address, {"votes": 99, "popularity": 1}, "json").data["votes"] == 0


def test_a_version_without_cells_is_not_switched_to(api: Make) -> None:
    client = api(manager=True)
    matrix = SimilarityMatrix.objects.create(name="m", type=2)
    path = f"/api/similarity-matrix/{matrix.pk}/"
    assert (
        client.patch(path, {"version": 4}, "json").data["message"]
        == "version: version 4 has no cells"
    )
    assert client.get(f"{path}versions/").data == []


def test_versions_are_published_together_and_rolled_back(api: Make) -> None:
    make_defaults()
    client = api(manager=True)
    recommender = Recommender.objects.get(name="SVD")
    path = f"/api/recommenders/{recommender.pk}/"
    matrices = [recommender.user_similarity_matrix, recommender.item_similarity_matrix]
    for version in (1, 2):
        for at, matrix in enumerate(matrices):
            if at:
                refused = client.post(f"{path}publish/", {"version": version}, "json")
                assert (refused.status_code, "no cells" in refused.data["message"]) == (409, True)
            client.put(
                f"/api/similarity-matrix/{matrix.pk}/versions/{version}/",
                "row,column,value\n1,2,0.5\n",
                "text/csv",
            )
        wrong = {"version": version, "cells": {matrices[0].name: 7}}
        assert client.post(f"{path}publish/", wrong, "json").status_code == 409
        done = client.post(f"{path}publish/", {"version": version, "fingerprint": "abc"}, "json")
        assert (done.data["version"], done.data["before"]) == (version, version - 1)
    assert client.post(f"{path}rollback/").data["version"] == 1
    assert {
        matrix.version
        for matrix in SimilarityMatrix.objects.filter(pk__in=[m.pk for m in matrices])
    } == {1}
    assert client.post(f"{path}rollback/").status_code == 409
    assert (
        api("eve", staff=True).post(f"{path}publish/", {"version": 2}, "json").status_code == 403
    )


def test_what_a_recommender_gives(api: Make, make_item: Make) -> None:
    make_defaults()
    client, other = api(), api("eve")
    items = [make_item(name, likes=9, votes=9) for name in ("Alien", "Heat")]
    matrix = SimilarityMatrix.objects.get(name="svd-items")
    SimilarityMatrix.objects.filter(pk=matrix.pk).update(version=1)
    SimilarityMatrixCell.objects.create(
        matrix=matrix, version=1, row=items[0].pk, column=items[1].pk, value=0.5
    )
    popular, svd = (Recommender.objects.get(name=name) for name in ("Popular", "SVD"))
    me = client.user.pk
    row = client.get(f"/api/recommender/{popular.pk}/users/{me}/items").data
    assert row["recommender"]["title"] == "Popular"
    assert [one["name"] for one in row["items"]] == ["Alien", "Heat"]
    assert row["items"][0]["reason"]
    like = client.get(f"/api/recommender/{svd.pk}/users/{me}/items/{items[0].pk}/similar").data
    assert [(one["name"], one["similarity"]) for one in like["items"]] == [("Heat", 0.5)]
    for path in (f"{popular.pk}/users/{other.user.pk}/items", f"999/users/{me}/items"):
        assert client.get(f"/api/recommender/{path}").status_code == 404


def test_requests_are_limited_for_each_person(
    api: Make, make_item: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "API_WRITES", 3)
    monkeypatch.setattr(settings, "API_REQUESTS", 6)
    monkeypatch.setattr("web.recsys.limits.time.time", lambda: 1_000_000.0)
    client, other = api(), api("eve")
    items = [make_item(f"film {n}") for n in range(5)]
    for item in items:
        answer = client.post("/api/interactions/", {"item": item.pk, "rating": 4}, "json")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "20"
    assert answer.data["message"] == "too many requests: wait 20 s"
    assert Interaction.objects.count() == 3
    codes = [
        client.get("/api/items/", headers={"X-Forwarded-For": str(n)}).status_code
        for n in range(3)
    ]
    assert codes == [200, 429, 429]
    assert other.get("/api/items/").status_code == 200


def test_answers_are_not_kept_by_caches(api: Make) -> None:
    assert api().get("/api/items/").headers["Cache-Control"] == "no-store"


def test_the_schema_is_whole_and_answers_are_as_it_says(
    api: Make, make_item: Make, tmp_path: Any
) -> None:
    import jsonschema
    import yaml

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "s.yml"))
    schema = yaml.safe_load((tmp_path / "s.yml").read_text())
    client = api(superuser=True)
    item = make_item("Alien", "Horror")
    client.post("/api/interactions/", {"item": item.pk, "rating": 4}, "json")
    make_defaults()
    for name in LISTS:
        said = schema["paths"][f"/api/{name}/"]["get"]["responses"]["200"]["content"]
        jsonschema.validate(
            client.get(f"/api/{name}/").json(),
            {
                **said["application/json"]["schema"],
                "components": _as_json_schema(schema["components"]),
            },
        )
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "cdn" not in page.content.decode()
    assert client.get("/api/schema").status_code == 200


def _as_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 says that null is allowed with a word of its own."""
    text = json.dumps(part)
    found = json.loads(text)

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.pop("nullable", False) and "type" in node:
                node["type"] = [node["type"], "null"]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(found)
    return found
