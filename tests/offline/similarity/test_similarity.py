"""Similarity of predicted ratings and of contents; nearest neighbours in both directions."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from offline.errors import InputError
from offline.models.ratings import Factors
from offline.similarity.contents import embeddings, tag_vectors, tfidf
from offline.similarity.items_file import read_items
from offline.similarity.nearest import nearest
from offline.similarity.predicted import predicted_rows

from ..programs import offline_in


def dense_cosines(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


def test_short_vectors_have_the_cosines_of_whole_centred_predictions() -> None:
    rng = np.random.default_rng(3)
    users, items = (rng.normal(3, 1, (n, 5)).astype(np.float32) for n in (30, 20))
    known_users, known_items = rng.random(30) < 0.8, rng.random(20) < 0.8
    mine, theirs = predicted_rows(Factors(users, items, (1, 5)), known_users, known_items)
    whole = users[known_users].astype(float) @ items[known_items].astype(float).T
    whole -= whole.mean(axis=1, keepdims=True)
    whole -= whole.mean(axis=0)
    np.testing.assert_allclose(dense_cosines(mine), dense_cosines(whole), atol=1e-9)
    np.testing.assert_allclose(dense_cosines(theirs), dense_cosines(whole.T), atol=1e-9)


def test_biases_make_nobody_similar() -> None:
    rng = np.random.default_rng(4)
    taste, kind = rng.choice([-1.0, 1.0], 8), rng.choice([-1.0, 1.0], 9)
    taste[:2], kind[:2] = (-1, 1), (-1, 1)
    biases = [rng.normal(0, 2, n) for n in (8, 9)]
    users = np.column_stack([3 + biases[0], np.ones(8), taste]).astype(np.float32)
    items = np.column_stack([np.ones(9), biases[1], kind]).astype(np.float32)
    everyone, everything = np.ones(8, bool), np.ones(9, bool)
    # Of one taste, less its mean, everyone is wholly like or wholly unlike everyone.
    found = dense_cosines(predicted_rows(Factors(users, items, (1, 5)), everyone, everything)[0])
    np.testing.assert_allclose(found, np.outer(taste, taste), atol=1e-5)


def by_hand(vectors: np.ndarray, n: int) -> list[tuple[int, int, float]]:
    cosines = dense_cosines(vectors).round(6)
    found = []
    for row, values in enumerate(cosines):
        order = sorted((-value, column) for column, value in enumerate(values.tolist()))
        found += [(row, c, -v) for v, c in [x for x in order if x[1] != row and x[0] < 0][:n]]
    return found


@pytest.mark.parametrize("cells", [1, 130, 2**20])
def test_every_row_has_its_nearest_whichever_comes_first(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline.similarity.nearest._CELLS", cells)
    vectors = np.random.default_rng(5).normal(size=(40, 4))
    done: list[int] = []
    found = nearest(vectors, 7, done.append)
    triples = list(zip(*(part.tolist() for part in found), strict=True))
    assert [t[:2] for t in triples] == [t[:2] for t in by_hand(vectors, 7)]
    np.testing.assert_allclose(found.values, [t[2] for t in by_hand(vectors, 7)], atol=2e-6)
    assert sum(done) == 40
    assert {t[0] for t in triples} == set(range(40))  # the last row sees others, too


def test_ties_go_to_the_first_and_zero_rows_have_none() -> None:
    found = nearest(np.array([[1.0, 0], [2, 0], [3, 0], [0, 0]]), 2)
    assert found.columns.tolist() == [1, 2, 0, 2, 0, 1]
    assert len(nearest(np.zeros((0, 3)), 2).rows) == 0


def test_texts_are_like_those_that_share_rare_words() -> None:
    texts = ["The pirate ship sails", "A pirate and a ship", "the cook", "the baker and cook", ""]
    found = nearest(tfidf(texts), 1)
    pairs = list(zip(found.rows.tolist(), found.columns.tolist(), strict=True))
    assert pairs[:2] == [(0, 1), (1, 0)]
    assert 4 not in found.rows
    tagged = nearest(tag_vectors([("a", "b"), ("a", "b"), ("b",), ()]), 3)
    assert tagged.values[0] == 1
    assert 3 not in tagged.rows


def test_an_encoder_is_asked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such directory"):
        embeddings(["a"], tmp_path / "none")
    try:
        import sentence_transformers  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="needs the package sentence-transformers"):
            embeddings(["a"], tmp_path)


def test_bad_item_files_name_the_row(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    for text, said in (
        ("id,price\n1,2\n", "expected an id"),
        ("name\nx\n", "expected an id"),
        ("id,name\n1,x\n1,y\n", "row 3: item 1 is in row 2 already"),
        ("id,name\n1\n", "row 2: expected 2 fields"),
        ("id,name\n", "no items"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            read_items(path)
    path.write_text("movieId,title,genres\n7,Heat,Action|Crime|Action\n8,X,(no genres listed)\n")
    assert [item.tags for item in read_items(path)] == [("Action", "Crime"), ()]


def rows_of(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def offline(tmp_path: Path) -> Callable[..., str]:
    rng = np.random.default_rng(6)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(101, 131):
        for item in rng.choice(25, 12, replace=False).tolist():
            liked = (user % 2) == (item % 2)
            lines.append(f"{user},{item * 10},{4 if liked else 2},{964_982_703 + item}")
    (tmp_path / "ratings.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "items.csv").write_text("id,name,tags\n1,Red boat,a|b\n2,Red boat,a\n3,Car,c\n")
    return offline_in(tmp_path)


@pytest.mark.parametrize("model", ["svd", "nmf"])
def test_command_of_ratings(model: str, tmp_path: Path, offline: Callable[..., str]) -> None:
    words = ("similarity", "@ratings.csv", "--model", model, "--nearest-items", "4")
    offline(*words, "--out", "@a")
    offline(*words, "--out", "@b")
    about = json.loads((tmp_path / "a/manifest.json").read_text())
    assert about["model"] == model
    assert about["ratings"] == 360
    assert about["matrices"]["users.csv.gz"]["rows"] == 30
    for name in ("users.csv.gz", "items.csv.gz", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    header, *users = rows_of(tmp_path / "a/users.csv.gz")
    assert header == ["row", "column", "value"]
    ids = {*map(str, range(101, 131))}
    assert {row[0] for row in users} == ids
    assert {row[1] for row in users} <= ids
    first: dict[str, str] = {}
    for row, column, _ in users:
        first.setdefault(row, column)
    same = [int(row) % 2 == int(column) % 2 for row, column in first.items()]
    assert np.mean(same) > 0.9  # the two camps are found
    each = np.unique(
        [row[0] for row in rows_of(tmp_path / "a/items.csv.gz")[1:]], return_counts=True
    )
    assert each[1].max() == 4
    # An earlier result is replaced; anything else is not.
    offline(*words, "--out", "@a")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x").write_text("mine")
    assert "holds other files" in offline(*words, "--out", "@other", fails=True)


def test_command_of_contents(tmp_path: Path, offline: Callable[..., str]) -> None:
    offline("similarity", "@items.csv", "--model", "tags", "--out", "@tags")
    rows = rows_of(tmp_path / "tags/items.csv.gz")[1:]
    assert [row[:2] for row in rows] == [["1", "2"], ["2", "1"]]
    said = offline("similarity", "@items.csv", "--model", "tfidf", "--out", "@t")
    assert "3 rows have fewer than 50 neighbours" in said
    assert not (tmp_path / "t/users.csv.gz").exists()
    for words in (("--model", "tags", "--set", "factors=3"), ("--model", "embeddings")):
        offline("similarity", "@items.csv", *words, "--out", "@x", fails=True)
    offline("similarity", "@ratings.csv", "--set", "seed=3", "--out", "@x", fails=True)
