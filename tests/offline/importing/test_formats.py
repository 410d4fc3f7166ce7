"""Public data sets, on small files in their formats, and on the real ones where they are."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from contract.plugins import Plugins
from offline.cli import main
from offline.data.interactions import Interactions
from offline.errors import InputError
from offline.importing import registry
from offline.importing.evaluated import LOADERS
from offline.importing.registry import FORMATS, guess_format, make_format
from offline.importing.source import Columns, DataFormat, Source
from offline.testing import check_dataset

DATA = Path(__file__).parents[4] / "shared" / "data"
PAIRS = [(user, 2 * item) for user in range(1, 9) for item in range(user, 40)]
RATED = [(u, i, 1 + (u + i) % 5, 978_300_000 + u * 100 + i) for u, i in PAIRS]


def lines(rows: list[tuple[object, ...]], separator: str, header: str = "") -> str:
    return "\n".join([*([header] if header else []), *(separator.join(map(str, r)) for r in rows)])


MOVIES = [(i, f"Café No {i} (1999)") for i in range(0, 90)]
SMALL: dict[str, dict[str, str]] = {
    "ml-100k": {
        "u.data": lines(RATED, "\t"),
        "u.item": lines([(*m, "", "", "", *["0"] * 19) for m in MOVIES], "|"),
    },
    "ml-1m": {
        "ratings.dat": lines(RATED, "::"),
        "movies.dat": lines([(*m, "Comedy|Drama") for m in MOVIES], "::"),
    },
    "ml-latest": {
        "ratings.csv": lines(RATED, ",", "userId,movieId,rating,timestamp"),
        "movies.csv": lines(
            [(i, f'"{t}"', "Comedy") for i, t in MOVIES], ",", "movieId,title,genres"
        ),
    },
    "lastfm-2k": {
        "user_artists.dat": lines(
            [(u, i, u * i) for u, i in PAIRS], "\t", "userID\tartistID\tweight"
        ),
        "artists.dat": lines(
            [(*m, "http://a", "http://b") for m in MOVIES], "\t", "id\tname\turl\tpictureURL"
        ),
    },
    "retailrocket": {
        "events.csv": lines(
            [
                (1_433_221_332_117 + u * i, u, kind, i, "")
                for u, i in PAIRS
                for kind in ("view", "addtocart")
            ],
            ",",
            "timestamp,visitorid,event,itemid,transactionid",
        )
    },
    "recbole": {
        "x.inter": lines(
            RATED, "\t", "user_id:token\titem_id:token\trating:float\ttimestamp:float"
        ),
        "x.item": lines(MOVIES, "\t", "item_id:token\tmovie_title:token_seq"),
    },
    "lightgcn": {
        "train.txt": lines(
            [(u, *(i for v, i in PAIRS if v == u and i % 4)) for u in range(1, 9)], " "
        ),
        "test.txt": lines(
            [(u, *(i for v, i in PAIRS if v == u and not i % 4)) for u in range(1, 9)], " "
        ),
    },
}


@pytest.fixture
def small(tmp_path: Path) -> Callable[[str], Path]:
    """Write the files of a format; the directory."""

    def small(name: str) -> Path:
        directory = tmp_path / f"source-{name}"
        directory.mkdir()
        for file, text in SMALL[name].items():
            (directory / file).write_text(text, encoding="latin-1")
        return directory

    return small


def run(source: Path, out: Path, *options: str) -> tuple[str, Interactions]:
    result = CliRunner().invoke(main, ["import", str(source), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    return result.output, Interactions.load(out)


@pytest.mark.parametrize("name", SMALL)
def test_a_format_is_recognised_and_keeps_ids_values_times_and_titles(
    name: str, small: Callable[[str], Path], tmp_path: Path
) -> None:
    told, data = run(small(name), tmp_path / "out")
    assert f"format guessed: {name}" in told
    assert list(data.users) == list(range(1, 9))
    assert list(data.items) == sorted({item for _, item in PAIRS})
    pairs = set(zip(data.users.take(data.user), data.items.take(data.item), strict=True))
    assert pairs == set(PAIRS)
    if name == "lightgcn":
        assert set(data.kind.to_pylist()) == {"train", "test"}
        return
    if name == "retailrocket":
        assert set(data.kind.to_pylist()) == {"view", "addtocart"}
        assert data.summary.first_timestamp == 1_433_221_332_117 + 2
        return
    assert data.titles is not None
    assert data.titles.to_pylist() == [f"Café No {item} (1999)" for item in data.items]
    if name == "lastfm-2k":
        assert data.value.tolist() == [u * i for u, i in PAIRS]
        return
    assert data.value.tolist() == [row[2] for row in RATED]
    assert data.timestamp is not None
    assert data.timestamp.tolist() == [1000 * row[3] for row in RATED]
    likes = 4 if name.startswith("ml-") else 1
    assert data.matrix().nnz == sum(row[2] >= likes for row in RATED)


@pytest.mark.parametrize("name", SMALL)
def test_every_built_in_format_keeps_the_promises_of_one(
    name: str, small: Callable[[str], Path]
) -> None:
    check_dataset(type(make_format(name)), small(name))


@pytest.mark.parametrize("name", ["ml-1m", "lastfm-2k"])
def test_what_is_measured_on_is_what_is_imported(
    name: str, small: Callable[[str], Path], tmp_path: Path
) -> None:
    source = small(name)
    measured, (_, data) = LOADERS[name](source), run(source, tmp_path / "out")
    kept = data.matrix()[:, np.isin(data.items.values, measured.items)]
    assert (measured.whole != kept).nnz == 0


def test_a_missing_file_says_where_the_data_is_from(tmp_path: Path) -> None:
    for name in ("ml-100k", "ml-1m", "ml-latest", "lastfm-2k", "lightgcn", "retailrocket"):
        with pytest.raises(InputError, match=r"no such file, which the format .* needs: .*https"):
            make_format(name).open(tmp_path, Columns())


def test_a_lost_header_costs_no_row(small: Callable[[str], Path], tmp_path: Path) -> None:
    path = small("lastfm-2k") / "user_artists.dat"
    path.write_text(path.read_text().partition("\n")[2])
    result = CliRunner().invoke(main, ["import", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert f"{path}: no column 'userID' in its first line" in result.output


def test_an_event_log_is_collected(
    write_log: Callable[..., Path],
    make_events: Callable[..., list[dict[str, object]]],
    tmp_path: Path,
) -> None:
    log = write_log(make_events())
    told, data = run(log, tmp_path / "out")
    assert "format guessed: botify-log" in told
    assert data.summary.threshold == 0.8
    assert (tmp_path / "out" / "plays.parquet").is_file()
    assert (tmp_path / "out" / "card.html").is_file()
    words = ["import", str(log), "--out", str(tmp_path / "out"), "--no-time"]
    assert "--no-time has no meaning for botify-log" in CliRunner().invoke(main, words).output


def test_names_of_columns_belong_to_tables(small: Callable[[str], Path], tmp_path: Path) -> None:
    words = ["import", str(small("ml-1m")), "--out", str(tmp_path / "out"), "--user-column", "x"]
    assert (
        "--user-column: the columns of ml-1m are known" in CliRunner().invoke(main, words).output
    )


class Broken(DataFormat):
    """Breaks every promise."""

    name = "broken"
    about = "nothing"

    def recognises(self, source: Path) -> bool:
        return True

    def open(self, source: Path, columns: Columns) -> Source:
        raise OSError("gone")


def test_a_broken_format_is_told_by_its_check(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="must not take an empty directory"):
        check_dataset(Broken, tmp_path)


def test_a_format_that_cannot_be_imported_leaves_the_others(
    small: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (*FORMATS.names, "lost")

    class Formats(Plugins):
        @property
        def names(self) -> tuple[str, ...]:
            return names

    monkeypatch.setattr(registry, "FORMATS", Formats(registry.GROUP, "format"))
    found, notes = guess_format(small("ml-1m"))
    assert found == "ml-1m"
    assert len(notes) == 1
    assert "lost" in notes[0]


def test_all_formats_are_listed() -> None:
    told = CliRunner().invoke(main, ["formats"]).output
    assert [line.split()[0] for line in told.splitlines()] == list(FORMATS.names)


REAL = {
    "ml-1m": (1_000_209, 6_040, 3_706),
    "ml-latest-small": (100_836, 610, 9_724),
    "lastfm-2k": (92_834, 1_892, 17_632),
    "gowalla": (1_027_370, 29_858, 40_981),
    "retailrocket-2k": (97_381, 2_174, 29_905),
}


@pytest.mark.integration
@pytest.mark.parametrize("name", REAL)
def test_real_data(name: str, tmp_path: Path) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"no {DATA / name}")
    told, data = run(DATA / name, tmp_path / "out")
    assert (len(data.user), len(data.users), len(data.items)) == REAL[name]
    assert "no bad rows" in told
    assert data.summary.repeats == 0


@pytest.mark.integration
def test_real_items_with_a_comma_and_an_accent(tmp_path: Path) -> None:
    books = DATA / "goodbooks" / "books.csv"
    if not books.is_file():
        pytest.skip(f"no {books}")
    path = tmp_path / "ratings.csv"
    rows = [(u, b, 5) for u in range(1, 5) for b in range(1, 100)]
    path.write_text(lines(rows, ",", "user_id,book_id,rating"))
    _, data = run(path, tmp_path / "out", "--items", str(books))
    assert data.titles is not None
    assert data.titles[0].as_py() == "The Hunger Games (The Hunger Games, #1)"
    assert pa.compute.sum(data.titles.is_null()).as_py() in (0, None)


def test_json_of_a_summary_is_plain(small: Callable[[str], Path], tmp_path: Path) -> None:
    run(small("ml-100k"), tmp_path / "out")
    about = json.loads((tmp_path / "out" / "interactions.json").read_text())
    assert about["format"] == "ml-100k"
    assert about["form"] == 2
    assert about["liked_from"] == 4
