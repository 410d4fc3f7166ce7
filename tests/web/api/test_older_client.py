"""A client written for an earlier site of this kind works: its addresses, fields and pages."""

from collections.abc import Callable
from typing import Any

from web.recommendations.models import SimilarityMatrix

from .older_client import OlderClient

Make = Callable[..., Any]


def test_a_night_of_a_job(api: Make, make_item: Make) -> None:
    """Reads all ratings, writes two matrices and their cells, switches, removes the old one."""
    client = OlderClient(api("job", manager=True).secret)
    items = [make_item(f"film {n}") for n in range(5)]
    ratings = [
        {
            "user": user,
            "item": item.pk,
            "rating": 0.5 + (user + n) % 9 / 2,
            "suitable_to_train": True,
        }
        for user in (1, 2, 3)
        for n, item in enumerate(items)
    ]
    status, stored = client.add("interactions", ratings)
    assert (status, len(stored)) == (201, 15)
    read = client.all("interactions", limit=4)
    assert set(read[0]) >= {"user", "item", "suitable_to_train", "rating", "created_at"}
    taken = [(r["user"], int(r["item"].partition("items/")[2].replace("/", ""))) for r in read]
    assert taken == [(r["user"], r["item"]) for r in ratings]

    matrices = {}
    for name, kind in (("users", 1), ("items", 2)):
        body = {"name": name, "type": kind, "description": "", "version": 0}
        status, matrices[name] = client.add("similarity-matrix", body)
        assert status == 201
    found = client.pages("similarity-matrix", name="users", type="", description="", version="")
    assert [one["id"] for one in found["results"]] == [matrices["users"]["id"]]
    for version in (1, 2):
        for matrix in matrices.values():
            address = f"{client.host}/api/similarity-matrix/{matrix['id']}/"
            cells = [
                {"row": a, "column": b, "value": 0.5, "version": version, "matrix": address}
                for a, b in ((1, 2), (2, 3))
            ]
            status, written = client.add("similarity-matrix-cells", cells)
            assert status == 201
            assert [(c["row"], c["column"], c["matrix"]) for c in written] == [
                (1, 2, address),
                (2, 3, address),
            ]
            status, matrix = client.update("similarity-matrix", matrix | {"version": version})
            assert (status, matrix["version"]) == (200, version)
        for matrix in matrices.values():
            older = [v for v in client.versions(matrix["id"]) if v < version]
            for one in older:
                answer = client.remove_version(matrix["id"], one)
                assert answer == (200, {"matrix": matrix["id"], "version": one, "deleted": 2})
            assert client.versions(matrix["id"]) == [version]
            assert client.remove_version(matrix["id"], 99)[0] == 404
    cells = client.pages(
        "similarity-matrix-cells", row=1, column="", matrix=matrices["users"]["id"]
    )
    assert cells["count"] == 1

    addresses = {
        name: f"{client.host}/api/similarity-matrix/{matrix['id']}/"
        for name, matrix in matrices.items()
    }
    recommender = {
        "name": "SVD",
        "user_similarity_matrix": addresses["users"],
        "item_similarity_matrix": addresses["items"],
    }
    status, made = client.add("recommenders", recommender)
    assert (status, made["user_similarity_matrix"]) == (201, recommender["user_similarity_matrix"])
    assert (
        client.update("recommenders", made | {"max_similar_users": 7})[1]["max_similar_users"] == 7
    )
    assert client.pages("recommenders", name="SVD")["results"][0]["position"] == 0
    assert client.remove("recommenders", made["id"]) == 204
    assert client.remove("similarity-matrix", matrices["users"]["id"]) == 204
    assert SimilarityMatrix.objects.count() == 1


def test_users_and_items(api: Make, make_item: Make) -> None:
    client = OlderClient(api("boss", superuser=True).secret)
    make_item("Alien", "Horror", "Sci-Fi")
    make_item("Up")
    assert client.pages("users", username="boss", email="")["results"][0]["username"] == "boss"
    (alien,) = client.pages("items", name="", description="", tag="Horror")["results"]
    assert {"id", "name", "description", "popularity", "rating", "votes", "tags"} <= set(alien)
    assert alien["tags"] == ["Horror", "Sci-Fi"]
    assert client.pages("items", tag="-Horror")["results"][0]["name"] == "Up"
    status, made = client.add("items", {"name": "Heat", "tags": ["Crime"]})
    assert status == 201
    status, changed = client.update("items", made | {"description": "Two men."})
    assert (status, changed["description"], changed["tags"]) == (200, "Two men.", ["Crime"])
    assert client.remove("items", made["id"]) == 204
    status, user = client.add("users", {"username": "eve", "email": "eve@example.org"})
    assert status == 201
    assert client.update("users", user | {"username": "eva"})[1]["username"] == "eva"
    assert client.remove("users", user["id"]) == 204
