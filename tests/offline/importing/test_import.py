"""Tables as people have them: what is taken, what is refused, what is told."""

import gzip
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.data.interactions import Interactions

from .tables import EXPECTED, HEADER, ROWS, Import, csv_text, rows_of, run


def test_a_plain_table(imported: Import) -> None:
    told, data = imported(csv_text())
    assert rows_of(data) == EXPECTED
    assert data.users.are_text
    assert list(data.users) == sorted(data.users)
    assert "format guessed: csv" in told
    guesses = "user = user_id, item = item_id, value = rating, time = timestamp"
    assert f"columns guessed by their names: {guesses}" in told
    assert "times are in seconds" in told
    assert "no bad rows" in told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom.csv", b"\xef\xbb\xbf" + csv_text().encode()),
        ("crlf.csv", csv_text().replace("\n", "\r\n").encode()),
        ("old-mac.csv", csv_text().replace("\n", "\r").encode()),
        ("tabs.tsv", csv_text().replace(",", "\t").encode()),
        ("semicolons.csv", csv_text().replace(",", ";").encode()),
        ("quoted.csv", csv_text([[f'"{cell}"' for cell in row] for row in ROWS]).encode()),
        ("spaces.csv", csv_text([[f" {cell} " for cell in row] for row in ROWS]).encode()),
        ("packed.csv.gz", gzip.compress(csv_text().encode())),
        ("packed.csv.zst", pa.compress(csv_text().encode(), "zstd", asbytes=True)),
        ("wide.csv", csv_text().encode("utf-16")),
        ("blank-lines.csv", csv_text().replace("\n", "\n\n").encode()),
        (
            "objects.jsonl",
            "\n".join(json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS).encode(),
        ),
        (
            "texts.jsonl",
            "\n".join(
                json.dumps(dict(zip(HEADER, map(str, row), strict=True))) for row in ROWS
            ).encode(),
        ),
    ],
)
def test_what_real_files_have(name: str, content: bytes, imported: Import) -> None:
    assert rows_of(imported(content, name=name)[1]) == EXPECTED


def test_parquet_with_types_of_its_own(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=HEADER)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="s")
    frame["item_id"] = frame["item_id"].astype("category")
    frame["rating"] = frame["rating"].astype(np.float32)
    frame.to_parquet(tmp_path / "data.parquet")
    run(tmp_path / "data.parquet", tmp_path / "out")
    assert rows_of(Interactions.load(tmp_path / "out")) == EXPECTED


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.csv").write_text(csv_text(ROWS[:100]))
    (folder / "b.csv").write_text(csv_text(ROWS[100:]))
    told = run(folder, tmp_path / "out")
    assert "240 rows of 2 files" in told
    assert "not read" not in told
    (folder / "c.jsonl").write_text('{"user_id": "u01", "item_id": "sku-01"}')
    assert "not read, as no csv: c.jsonl" in run(folder, tmp_path / "out")
    assert rows_of(Interactions.load(tmp_path / "out")) == EXPECTED


def test_latin_1_is_told_and_titles_stay_whole(imported: Import) -> None:
    rows = [(*row, f'"Café, {row[1]}"') for row in ROWS]
    text = csv_text(rows, (*HEADER, "title"))
    told, data = imported(text.encode("latin-1"))
    assert "data.csv is not UTF-8: read as Windows-1252 (Latin-1)" in told
    assert data.titles is not None
    assert data.titles.to_pylist() == [f"Café, {item}" for item in data.items]


def test_what_cannot_be_used_is_counted_with_file_and_line(imported: Import) -> None:
    future = int(time.time()) + 10**7
    odd = [
        ("", "sku-01", 1, 1_600_000_000),
        ("u01", "NaN", 1, 1_600_000_000),
        ("u01", "sku-01", "NaN", 1_600_000_000),
        ("u01", "sku-01", "many", 1_600_000_000),
        ("u01", "sku-01", "inf", 1_600_000_000),
        ("u01", "sku-01", 1, ""),
        ("u01", "sku-01", 1, "yesterday"),
        ("u01", "sku-01", 1, 0),
        ("u01", "sku-01", 1, future),
        ("u01", "sku-01", 1),
    ]
    told, data = imported(csv_text([*ROWS[:100], *odd, *ROWS[100:]]))
    assert rows_of(data) == EXPECTED
    assert data.summary.bad_lines == 10
    assert data.summary.lines == 250
    reasons = [
        "no `user_id`",
        "no `item_id`",
        "no `rating`",
        "`rating` is no number: 'many'",
        "`rating` is no number: 'inf'",
        "no `timestamp`",
        "`timestamp` is no time: 'yesterday'",
        "`timestamp` is no time: '0'",
        f"`timestamp` is in the future: '{future}'",
        "not 4 columns",
    ]
    for line, reason in enumerate(reasons, 102):
        assert f"data.csv:{line}: {reason}" in told


def test_lines_that_are_no_objects_are_called_so(imported: Import) -> None:
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS]
    odd = [lines[0][:29], "", "[1, 2]", '{"rating": 3}', "null"]
    told, data = imported("\n".join([*lines[:100], *odd, *lines[100:]]), name="data.jsonl")
    assert (data.summary.lines, data.summary.bad_lines) == (244, 4)
    assert rows_of(data) == EXPECTED
    assert f"data.jsonl:101: not an object of JSON: {lines[0][:29]!r}" in told
    assert "data.jsonl:103: not an object of JSON: '[1, 2]'" in told
    assert "data.jsonl:104: no `user_id`" in told
    assert "data.jsonl:105: not an object of JSON: 'null'" in told
    assert "most often not an object of JSON" in told


def test_columns_without_a_name_or_of_one_name_do_not_matter(imported: Import) -> None:
    rows = [(n, *row, "", "") for n, row in enumerate(ROWS)]
    _, data = imported(csv_text(rows, ("", *HEADER, "note", "note")))
    assert rows_of(data) == EXPECTED


def test_lines_are_counted_as_an_editor_does(imported: Import) -> None:
    rows: list[Sequence[object]] = [(*row, '"two\nlines"') for row in ROWS]
    rows[50] = ("u01", "sku-01", "many", 1_600_000_000, "x")
    told, _ = imported(csv_text(rows, (*HEADER, "comment")))
    assert f"data.csv:{2 + 2 * 50}: `rating` is no number: 'many'" in told


def test_rows_that_an_open_quotation_mark_swallows_are_bad_rows(imported: Import) -> None:
    lines = csv_text().splitlines()
    some = [*lines[:230], '"u01,sku-01,1,1600000000', *lines[230:]]
    told, data = imported("\n".join(some) + "\n")
    assert data.summary.bad_lines == len(some) - 230
    assert data.summary.lines == len(some) - 1
    assert "data.csv:231: a quotation mark is not closed" in told


def test_an_open_quotation_mark_early_in_the_file_stops_the_import(tmp_path: Path) -> None:
    lines = csv_text().splitlines()
    path = tmp_path / "data.csv"
    path.write_text("\n".join([*lines[:9], 'u01,sku-01,1,"1600000000', *lines[9:]]) + "\n")
    told = run(path, tmp_path / "out", code=2)
    assert "of the rows (233 of 241) could not be used" in told
    assert "a quotation mark" in told


def test_a_large_part_that_is_swallowed_is_counted_in_full(tmp_path: Path) -> None:
    rows = [(*ROWS[n % len(ROWS)],) for n in range(20_000)]
    lines = csv_text(rows).splitlines()
    path = tmp_path / "data.csv"
    path.write_text("\n".join([*lines[:15_001], 'u01,sku-01,1,"1600000000', *lines[15_001:]]))
    told = run(path, tmp_path / "out", code=2)
    assert "of the rows (5,001 of 20,001) could not be used" in told


def test_lines_inside_of_cells_are_told(imported: Import) -> None:
    rows: list[Sequence[object]] = [(*row, "x") for row in ROWS]
    rows[50], rows[60] = (*ROWS[50], '"x'), (*ROWS[60], 'x"')
    told, data = imported(csv_text(rows, (*HEADER, "comment")))
    assert len(rows_of(data)) == 230
    assert "data.csv: 10 lines are inside of cells in quotation marks" in told
    assert "inside of cells" not in imported(csv_text().replace("\n", "\n\n"))[0]


def test_too_many_bad_rows_stop_the_import(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(csv_text([*ROWS, *[("u01", "sku-01", "many", 1_600_000_000)] * 20]))
    told = run(path, tmp_path / "out", code=2)
    assert "7.7 % of the rows (20 of 260) could not be used" in told
    assert "240 interactions" in run(path, tmp_path / "out", "--allow-bad")


def test_repeats_are_counted_and_the_last_is_kept(imported: Import) -> None:
    user, item, *_ = ROWS[0]
    again = [(user, item, 9, 1_700_000_000), (user, item, 7, 1_650_000_000)]
    told, data = imported(csv_text([*again, *ROWS]))
    assert rows_of(data)[0] == (user, item, 9.0, 1_700_000_000_000, "rating")
    assert data.summary.repeats == 2
    assert "2 rows repeat a user, item and kind: the value of the last is kept" in told
    assert rows_of(imported(csv_text([*again, *ROWS]), "--repeats", "sum")[1])[0][2] == 17
    counted = imported(csv_text([*again, *ROWS]), "--no-value")[1]
    assert rows_of(counted)[0] == (user, item, 3.0, 1_700_000_000_000, "interaction")


def test_the_order_of_rows_says_nothing(imported: Import) -> None:
    user, item, *_ = ROWS[0]
    rows = [(user, item, value, 1_600_000_000) for value in (2, 9, 5)] + ROWS
    first = imported(csv_text(rows))[1]
    second = imported(csv_text(rows[::-1]))[1]
    assert first.summary.fingerprint == second.summary.fingerprint
    told, data = imported(csv_text(rows), "--no-time")
    assert rows_of(data)[0][2] == 9
    assert "without times none is the last: the largest value is kept" in told


def test_values_below_zero_are_kept_and_no_likes(imported: Import) -> None:
    told, data = imported(csv_text([*ROWS, ("u00", "other", -3, 1_600_000_000)]))
    assert (-3.0 in data.value.tolist(), "other" in list(data.items)) == (True, True)
    assert "1 value is below 0: it is kept, and is no like" in told
    assert data.matrix().nnz == len(ROWS)


def test_what_is_a_like_is_part_of_the_data(imported: Import) -> None:
    _, whole = imported(csv_text())
    _, data = imported(csv_text(), "--liked-from", "4")
    assert data.matrix().nnz == sum(row[2] >= 4 for row in ROWS)
    assert rows_of(data) == rows_of(whole)
    assert data.summary.fingerprint != whole.summary.fingerprint


def test_kinds_stay_apart_and_are_summed_in_the_matrix(imported: Import) -> None:
    rows = [(user, item, kind) for user, item, *_ in ROWS for kind in ("view", "view", "buy")]
    _, data = imported(csv_text(rows, ("visitorid", "itemid", "event")))
    assert set(rows_of(data)[:2]) == {
        (*ROWS[0][:2], 1.0, None, "buy"),
        (*ROWS[0][:2], 2.0, None, "view"),
    }
    assert data.matrix().nnz == len(ROWS)
    assert data.matrix(values=True).sum() == len(rows)
    assert data.matrix(values=True, kinds=["buy"]).sum() == len(ROWS)


def test_columns_can_be_named_and_wrong_names_are_told(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(csv_text(header=("who", "what", "stars", "when")))
    assert "say which with --user-column; it has who, what, stars, when" in run(
        path, tmp_path / "out", code=2
    )
    names = ("--user-column", "who", "--item-column")
    assert "no column 'wat' (--item-column); did you mean 'what'?" in run(
        path, tmp_path / "out", *names, "wat", code=2
    )
    assert "cannot be user and item at once" in run(path, tmp_path / "out", *names, "who", code=2)
    run(path, tmp_path / "out", *names, "what", "--time-column", "when")
    assert rows_of(Interactions.load(tmp_path / "out")) == EXPECTED


def test_a_file_without_a_header_takes_numbers_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(csv_text(ROWS[1:], tuple(map(str, ROWS[0]))))
    assert "its first line is no header: name the columns by their numbers" in run(
        path, tmp_path / "out", code=2
    )
    numbers = [
        f"--{role}-column={n}" for n, role in enumerate(("user", "item", "value", "time"), 1)
    ]
    run(path, tmp_path / "out", *numbers)
    assert rows_of(Interactions.load(tmp_path / "out")) == EXPECTED


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("one-user.csv", csv_text([("me", *row[1:]) for row in ROWS]), "is 'me' in every row"),
        ("empty.csv", "", "the file is empty"),
        ("header.csv", csv_text([]), "no rows"),
        ("archive.zip", b"PK\x03\x04rest", "a zip archive"),
        ("archive.csv", b"PK\x03\x04rest", "a zip archive or a workbook of Excel"),
        ("zeros.csv", csv_text().encode() + b"\0\0", "is no text: it has zero bytes"),
        ("twice.csv", csv_text(header=("user", "item", "rating", "rating")), "more than once"),
        ("array.json", "[" + json.dumps({"user": 1, "item": 2}) + "]", "jq -c '.[]'"),
        ("text.parquet", csv_text(), "is not Parquet"),
        ("what.xyz", "a", "of no format that is known: name one with --format"),
        ("cut.csv.gz", gzip.compress(csv_text().encode())[:-30], "get the file again"),
    ],
)
def test_what_is_no_data_is_refused_in_one_line(
    name: str, content: str | bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    told = run(path, tmp_path / "out", code=2)
    assert message in told
    assert str(path) in told


def test_unknown_names_and_places_are_told(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(csv_text())
    assert "did you mean 'csv'?" in run(path, tmp_path / "out", "--format", "cvs", code=2)
    assert "no such file" in run(tmp_path / "none.csv", tmp_path / "out", code=2)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter").write_text("x")
    words = ["import", str(path), "--out", str(tmp_path / "other")]
    assert "holds other files" in CliRunner().invoke(main, words).output
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_titles_and_fields_come_from_a_file_of_items(tmp_path: Path) -> None:
    path, items = tmp_path / "data.csv", tmp_path / "items.csv"
    path.write_text(csv_text())
    lines = [f'sku-{n:02},"Thing, {n}",{n % 3},box' for n in range(5, 70)]
    items.write_text("\n".join(["item_id,name,shelf,item", *lines, "sku-05,Again,9,", ",,,"]))
    told = run(path, tmp_path / "out", "--items", str(items))
    data = Interactions.load(tmp_path / "out")
    assert data.titles is not None
    titles = dict(zip(data.items, data.titles.to_pylist(), strict=True))
    assert titles["sku-05"] == "Thing, 5"
    assert titles["sku-04"] is None
    assert "1 row in items.csv of an item that is there already: its first row is kept" in told
    assert "1 row in items.csv without an item's id: left out" in told
    assert "5 items not in items.csv: without a title" in told
    assert "10 items in items.csv without an interaction: left out" in told
    table = pd.read_parquet(tmp_path / "out" / "items.parquet")
    # `item` is the id in lines of items.json: a field of that name would take its place.
    assert set(table.columns) == {"id", "title", "shelf", "item_"}


def test_rows_without_a_time_are_not_lost_for_it(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = [f"u{u},i{i},{'' if i % 4 == 0 else '2026-01-01'}" for u in range(9) for i in range(60)]
    path.write_text("\n".join(["Client ID,Article,Bought at", *rows]))
    words = ["import", str(path), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "mostly no `Bought at`" in done.output
    assert done.output.endswith("or keep all without times with --no-time\n")
    assert CliRunner().invoke(main, [*words, "--no-time"]).exit_code == 0
    assert len(Interactions.load(tmp_path / "out").user) == 540
