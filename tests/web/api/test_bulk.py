"""Uploads: whole or not at all; what is wrong is named by its line."""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from web.api.bulk import records
from web.catalog.models import Item
from web.people.ids import FIRST_ACCOUNT_ID
from web.ratings.models import Dismissal, Interaction
from web.recommendations.models import SimilarityMatrix, SimilarityMatrixCell

Make = Callable[..., Any]
BULK = "/api/interactions/bulk/"
NDJSON, CSV = "application/x-ndjson", "text/csv"


class Slow:
    """A body that arrives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self.data, self.step = data, step

    def read(self, most: int) -> bytes:
        part, self.data = self.data[: self.step], self.data[self.step :]
        return part


@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize(
    ("form", "text"),
    [
        (NDJSON, '{"a": "ñ"}\n\n{"a": 2}\n'),
        (NDJSON, '{"a": "ñ"}\n\n{"a": 2}'),
        (CSV, "\ufeffa\nñ\n2\n"),
        ("application/json", ' [ {"a": "ñ"} ,\n{"a": 2} ] \n'),
    ],
)
def test_records_are_the_same_however_they_arrive(
    step: int, gzipped: bool, form: str, text: str
) -> None:
    data = gzip.compress(text.encode()) if gzipped else text.encode()
    found = [record["a"] for _, record in records.read(Slow(data, step), form, gzipped)]
    assert found == ["ñ", "2" if form == CSV else 2]


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        (NDJSON, '{"a": 1}\n{"a"', "line 2: is no JSON"),
        (NDJSON, '{"a": 1}\n[1]', "line 2: is no JSON object"),
        (NDJSON, "[" * 9000, "line 1: is no JSON"),
        (NDJSON, '{"a": 1}\n' + "x" * 20_000, "line 2: is too long"),
        (CSV, "", "must name the columns"),
        (CSV, "a,b\n1\n", "line 2: has 1 cells, not 2"),
        (CSV, 'a\n"1\n', "is no CSV"),
        ("application/json", "", "entry 1: the list ends in the middle"),
        ("application/json", "{}", "no JSON list"),
        ("application/json", '[{"a": 1}, {"a": 2}', "the list ends in the middle"),
        ("application/json", '[{"a": 1} {"a": 2}]', "after entry 1"),
        ("application/json", '[{"a": 1}, 7]', "entry 2: is no JSON object"),
        ("application/json", '[{"a": 1}, ' + '{"a": "' + "x" * 30_000, "too long"),
        ("application/json", '[{"a": 1}] x', "something follows"),
        ("application/json", "[" * 9000, "entry 1"),
        (NDJSON, b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_body_that_is_wrong_is_told_where(form: str, text: Any, said: str) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(records.RecordError, match=said):
        list(records.read(Slow(data, 1000), form))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, "MOST_UNPACKED", 100_000)
    data = gzip.compress(b'{"a": 1}\n' * 50_000)
    with pytest.raises(records.RecordError, match="when unpacked"):
        list(records.read(Slow(data, 1000), NDJSON, gzipped=True))
    with pytest.raises(records.RecordError, match="no gzip"):
        list(records.read(Slow(b"plain", 10), NDJSON, gzipped=True))
    with pytest.raises(records.RecordError, match="in the middle of its gzip"):
        list(records.read(Slow(data[:500], 10), NDJSON, gzipped=True))


@pytest.fixture
def films(make_item: Make) -> list[Item]:
    return [make_item(name) for name in ("Alien", "Heat", "Up")]


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_ratings_are_added_changed_or_left_as_they_are(api: Make, films: list[Item]) -> None:
    client = api(manager=True)
    rows = [{"user": user, "item": item.pk, "rating": 3} for user in (1, 2) for item in films]
    Dismissal.objects.create(user_id=1, item=films[0], kind="skip")
    Dismissal.objects.create(user_id=3, item=films[0], kind="skip")
    answer = client.post(BULK, lines(*rows), NDJSON)
    assert answer.data == {"received": 6, "added": 6, "changed": 0, "same": 0}
    rows[0]["rating"], rows[1]["suitable_to_train"] = 4.5, False
    again = client.post(BULK, lines(*rows, {"user": 9, "item": films[0].pk, "rating": 1}), NDJSON)
    assert again.data == {"received": 7, "added": 1, "changed": 2, "same": 4}
    revisions = Interaction.objects.order_by("id").values_list("revision", flat=True)
    assert list(revisions) == [2, 2, 1, 1, 1, 1, 1]
    assert [one.user_id for one in Dismissal.objects.all()] == [3]
    films[0].refresh_from_db()
    assert (films[0].votes, films[0].rating) == (3, pytest.approx(8.5 / 3))


def test_the_three_forms_say_the_same(api: Make, films: list[Item]) -> None:
    client = api(manager=True)
    item, when = films[0].pk, "2020-01-02T03:04:05Z"
    client.post(BULK, f"user,item,rating,created_at\n7,{item},4.5,{when}\n", CSV)
    row = {"user": 7, "item": item, "rating": 4.5, "created_at": when}
    for data, form in ((lines(row), NDJSON), (json.dumps([row]), "application/json")):
        assert client.post(BULK, data, form).data["same"] == 1
    packed = gzip.compress(lines(row).encode())
    answer = client.post(BULK, packed, NDJSON, headers={"Content-Encoding": "gzip"})
    assert answer.data["same"] == 1
    assert Interaction.objects.get().created_at.isoformat() == "2020-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rating": 0}, "line 2: rating is from 0.5 to 5.0 in steps of 0.5, and what was not rated"),
        ({"rating": 4.3}, "line 2: rating is from"),
        ({"rating": True}, "line 2: rating is from"),
        ({"rating": "NaN"}, "line 2: rating is from"),
        ({"item": 999_999}, "line 2: there is no item 999999"),
        ({"item": "x"}, "line 2: item is an id above 0"),
        ({"item": 2**70}, "line 2: item is an id above 0"),
        ({"user": -1}, "line 2: user is an id above 0"),
        ({"user": FIRST_ACCOUNT_ID + 10**6}, "line 2: there is no account"),
        ({"is_staff": True}, "line 2: is_staff is unknown"),
        ({"created_at": "yesterday"}, "line 2: created_at is a time"),
        ({"suitable_to_train": "perhaps"}, "line 2: suitable_to_train is true or false"),
        ({"user": 1}, "line 2: rates what line 1 rates already"),
    ],
)
def test_one_wrong_line_stores_nothing(
    api: Make, films: list[Item], wrong: dict[str, Any], said: str
) -> None:
    good = [{"user": user, "item": films[0].pk, "rating": 3} for user in (1, 2, 3)]
    good[1] |= wrong
    answer = api(manager=True).post(BULK, lines(*good), NDJSON)
    assert (answer.status_code, answer.data["message"].startswith(said)) == (400, True), answer.data
    assert not Interaction.objects.exists()


def test_ratings_of_others_are_for_managers(api: Make, films: list[Item]) -> None:
    client = api()
    other = lines({"item": films[0].pk, "rating": 3}, {"user": 1, "item": films[0].pk, "rating": 3})
    assert client.post(BULK, other, NDJSON).status_code == 403
    assert not Interaction.objects.exists()
    assert client.post(BULK, lines({"item": films[0].pk, "rating": 3}), NDJSON).status_code == 200
    assert Interaction.objects.get().user_id == client.user.pk


def test_a_form_that_is_not_taken(api: Make) -> None:
    client = api()
    assert client.post(BULK, b"x", "application/octet-stream").status_code == 415
    answer = client.post(BULK, b"x", NDJSON, headers={"Content-Encoding": "br"})
    assert answer.status_code == 415
    assert client.post(BULK, b"{}", NDJSON, CONTENT_LENGTH=str(10**12)).status_code == 413
    chunked = client.post(BULK, b"", NDJSON, headers={"Transfer-Encoding": "chunked"})
    assert chunked.status_code == 411


@pytest.fixture
def matrix(db: None) -> SimilarityMatrix:
    return SimilarityMatrix.objects.create(name="svd-items", type=2)


def path(matrix: SimilarityMatrix, version: int) -> str:
    return f"/api/similarity-matrix/{matrix.pk}/versions/{version}/"


def test_a_version_is_written_whole_and_again(api: Make, matrix: SimilarityMatrix) -> None:
    client = api(manager=True)
    for text in ("row,column,value\n1,2,0.5\n2,1,0.5\n", "row,column,value\n3,4,0.25\n"):
        answer = client.put(path(matrix, 3), text, CSV)
        assert answer.data["cells"] == text.count("\n") - 1
    cell = SimilarityMatrixCell.objects.get()
    assert (cell.row, cell.column, cell.value, cell.version) == (3, 4, 0.25, 3)
    matrix.version = 3
    matrix.save()
    refused = client.put(path(matrix, 3), "row,column,value\n1,2,0.5\n", CSV)
    assert (refused.status_code, "published" in refused.data["message"]) == (409, True)
    assert client.delete(path(matrix, 3)).status_code == 409


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("1,2,0.5", "line 3: is the cell of line 2 again"),
        ("1,2,1.5", "line 3: value is a similarity"),
        ("1,2,nan", "line 3: value is a similarity"),
        ("0,2,0.5", "line 3: row is a whole number"),
        ("1,x,0.5", "line 3: column is a whole number"),
        ("1,,0.5", "line 3: column is a whole number"),
    ],
)
def test_with_a_wrong_cell_the_version_stays_as_it_was(
    api: Make, matrix: SimilarityMatrix, wrong: str, said: str
) -> None:
    client = api(manager=True)
    client.put(path(matrix, 1), "row,column,value\n8,9,0.5\n", CSV)
    answer = client.put(path(matrix, 1), f"row,column,value\n1,2,0.5\n{wrong}\n", CSV)
    assert (answer.status_code, answer.data["message"].startswith(said)) == (400, True), answer.data
    assert SimilarityMatrixCell.objects.get().row == 8


def test_versions_are_for_managers(api: Make, matrix: SimilarityMatrix) -> None:
    client = api(staff=True)
    assert client.put(path(matrix, 1), "row,column,value\n1,2,0.5\n", CSV).status_code == 403
    assert client.delete(path(matrix, 1)).status_code == 403


def test_memory_does_not_grow_with_the_body(api: Make, matrix: SimilarityMatrix) -> None:
    class Many:
        """Lines made as they are read."""

        def __init__(self, n: int) -> None:
            self.lines: Iterator[bytes] = (b"%d,%d,0.5\n" % (a // 50 + 1, a % 50 + 1) for a in range(n))
            self.head = b"row,column,value\n"

        def read(self, most: int) -> bytes:
            part, self.head = self.head, b""
            return part + b"".join(line for _, line in zip(range(4000), self.lines, strict=False))

    from web.api.bulk import cells

    peaks = []
    for n in (20_000, 80_000):
        given = cells.rows(records.read(Many(n), CSV), "line", (matrix.pk, n))
        tracemalloc.start()
        assert cells.replace(matrix.pk, n, given, "line") == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2, peaks
