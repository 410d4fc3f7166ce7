"""CSV files to tables: whole, once, whatever happens in between."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from offline.cli import main

from ..databases.engines import ENGINES, execute, source_of, values

RATINGS = [(u, 7 * u % 40 + s, (s % 10 + 1) / 2, 10**9 + s) for u in range(30) for s in range(9)]
LINKS = [(n, f"{n:07}", n + 5000) for n in range(60)]
MOVIES = [(n, f'"Film ""{n}"", The"', "Drama|Comedy") for n in range(60)]
HEADER = (
    "adult,belongs_to_collection,budget,genres,id,imdb_id,original_language,original_title,"
    "overview,popularity,release_date,revenue,runtime,title,vote_average,vote_count"
)


def write(path: Path, header: str, rows: Sequence[Sequence[object]], *more: str) -> Path:
    lines = [header, *(",".join(map(str, row)) for row in rows), *more]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def metadata(path: Path) -> Path:
    """As The Movies Dataset has it: cells with commas and line breaks, and rows that are torn."""
    good = [
        f"""False,,30000000,"[{{'id': 16, 'name': 'Animation'}}]",{n + 5000},tt{n},en,"""
        f'Film {n},"Led by Woody, ""toys"" live\nhappily.",21.9,1995-10-30,373,81.0,Film {n},7.7,5'
        for n in range(60)
    ]
    torn = [
        'False,,0,"[]",82663,tt01,en,Midnight Man,',
        " - Written by Ørnås,0.065736,/ff9q.jpg,\"[{'name': 'Carousel'}]\",1997-08-20,0,104.0,"
        '"[{}]",Released,,Midnight Man,False,6.0,1,,',
    ]
    return write(path, HEADER, [], *good[:30], *torn, *good[30:], good[3])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write(tmp_path / "ratings.csv", "userId,movieId,rating,timestamp", RATINGS),
        write(tmp_path / "links.csv", "movieId,imdbId,tmdbId", LINKS),
        write(tmp_path / "movies.csv", "movieId,title,genres", MOVIES),
    ]


@pytest.fixture(params=ENGINES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return source_of(request.param, request, tmp_path)


def load(source: str, *files: Path, code: int = 0, options: Sequence[str] = ()) -> str:
    words = ["load-csv", *map(str, files), "--to", source, *options]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    if code:
        assert len(result.output.strip().splitlines()) == 1, result.output
    return result.output


def test_loading_again_changes_nothing(source: str, files: list[Path], tmp_path: Path) -> None:
    told = load(source, *files)
    assert "ratings.csv: 270 rows to ratings, 270 of them new" in told
    there = execute(source, "SELECT * FROM ratings ORDER BY userid, movieid")
    assert there == sorted(RATINGS)
    assert execute(source, "SELECT imdbid, tmdbid FROM links WHERE movieid = 3") == [
        ("0000003", "5003")
    ]
    assert execute(source, "SELECT title FROM movies WHERE movieid = 4") == [('Film "4", The',)]
    assert "ratings.csv: 270 rows to ratings, 0 of them new" in load(source, *files)
    assert execute(source, "SELECT * FROM ratings ORDER BY userid, movieid") == there
    user, film, *_ = RATINGS[0]
    newer = write(
        tmp_path / "new.csv", "timestamp,rating,movieId,userId", [(10**9, 1.0, film, user)]
    )
    assert "1 row to ratings, 0 of them new" in load(source, newer)
    changed = execute(source, f"SELECT rating FROM ratings WHERE userid={user} AND movieid={film}")
    assert changed == [(1.0,)]
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["import", source, "--out", str(out), "--format", "sql"])
    assert done.exit_code == 0, done.output
    assert "270 interactions of 30 users" in done.output


def test_metadata_with_torn_rows(source: str, files: list[Path], tmp_path: Path) -> None:
    told = load(source, *files[:2], metadata(tmp_path / "movies_metadata.csv"))
    assert "movies_metadata.csv: 60 rows to movies_metadata, 60 of them new" in told
    assert "1 rows repeat a key: the first is taken" in told
    assert "2 bad rows skipped" in told
    [(overview, adult, runtime)] = execute(
        source, "SELECT overview, adult, runtime FROM movies_metadata WHERE id = 5007"
    )
    assert (overview, adult, runtime) == ('Led by Woody, "toys" live\nhappily.', 0, 81.0)
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["import", source, "--out", str(out)])
    assert "titles from the table movies_metadata" in done.output, done.output


def test_a_row_that_is_shifted_is_bad(tmp_path: Path) -> None:
    rows = [("False", n, f"Film {n}") for n in range(100)]
    shifted = ["Written by Ørnås,1997-08-20,Film", "Written by Ørnås,7,Film", "True,x7,Film"]
    path = write(tmp_path / "m.csv", "adult,id,original_title", rows, *shifted)
    source = str(tmp_path / "films.sqlite")
    told = load(source, path)
    for line, fault in (
        (102, "`id` is no whole number: '1997-08-20'"),
        (103, "`adult` is no True or False: cells of the row are shifted: 'Written by Ørnås'"),
        (104, "`id` is no whole number: 'x7'"),
    ):
        assert f"m.csv:{line}: {fault}" in told
    assert execute(source, "SELECT COUNT(*) FROM movies_metadata") == [(100,)]


def test_bad_rows_are_counted_and_too_many_stop_the_load(tmp_path: Path) -> None:
    odd = ["1,2,many,5", "x,2,3,5", "1,,3,5", "1,2,NaN,5", "1,2,3"]
    header = "userId,movieId,rating,timestamp"
    path = write(tmp_path / "ratings.csv", header, RATINGS, *odd)
    source = str(tmp_path / "films.sqlite")
    told = load(source, path)
    assert "5 bad rows skipped" in told
    for fault in ("`rating` is no number: 'many'", "no `movieid`", "not 4 columns"):
        assert fault in told
    path = write(tmp_path / "ratings.csv", header, RATINGS[:50], *odd)
    other = str(tmp_path / "other.sqlite")
    assert "of the rows (5 of 55) could not be used" in load(other, path, code=2)
    load(other, path, options=["--allow-bad"])
    assert execute(other, "SELECT COUNT(*) FROM ratings") == [(50,)]


def test_of_ratings_of_one_film_the_latest_is_taken(tmp_path: Path) -> None:
    rows = [(1, 2, 3.0, 20), (1, 2, 5.0, 30), (1, 2, 4.0, 10)]
    path = write(tmp_path / "ratings.csv", "userId,movieId,rating,timestamp", rows)
    source = str(tmp_path / "films.duckdb")
    assert "2 rows repeat a key: the latest is taken" in load(source, path)
    assert execute(source, "SELECT rating FROM ratings") == [(5.0,)]


def test_a_table_without_a_key_is_refused(source: str, files: list[Path]) -> None:
    create = (
        "CREATE TABLE ratings (userid bigint, movieid bigint, rating double precision,"
        " timestamp bigint)"
    )
    execute(source, create, f"INSERT INTO ratings VALUES {values(RATINGS[:9])}")
    told = load(source, *files, code=2)
    assert "its table ratings was made without a key" in told
    assert execute(source, "SELECT COUNT(*) FROM ratings") == [(9,)]
    execute(source, "DROP TABLE ratings", "CREATE TABLE ratings (userid bigint)")
    assert "its table ratings has no column movieid; it has userid" in load(source, *files, code=2)


def test_what_cannot_be_loaded(tmp_path: Path, files: list[Path]) -> None:
    source = str(tmp_path / "films.sqlite")
    other = write(tmp_path / "other.csv", "a,b", [(1, 2)])
    assert "its header a, b is of no table that is known: ratings:" in load(source, other, code=2)
    assert "no such file" in load(source, tmp_path / "none.csv", code=2)
    assert "both of the table links" in load(source, files[1], files[1], code=2)
    assert "its suffix tells no engine" in load(str(tmp_path / "films.xyz"), *files, code=2)
    assert "mysql:// is no database that is known" in load("mysql://host/x", *files, code=2)
    assert "is no file of DuckDB or SQLite" in load(str(files[0]), *files, code=2)
    nowhere = "postgresql://somebody:guess@127.0.0.1:1/films"
    assert "PostgreSQL does not answer there" in load(nowhere, *files, code=2)


@pytest.mark.integration
def test_a_kill_in_the_middle_changes_nothing(postgres_url: str, tmp_path: Path) -> None:
    header = "userId,movieId,rating,timestamp"
    load(postgres_url, write(tmp_path / "old.csv", header, RATINGS[:20]))
    path = write(tmp_path / "ratings.csv", header, [(*row[:2], 0.5, 10**9) for row in RATINGS])
    waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(postgres_url) as client:
        client.execute("LOCK TABLE ratings IN SHARE MODE")  # rows can be read, and none be written
        child = subprocess.Popen(
            [sys.executable, "-m", "offline", "load-csv", str(path), "--to", postgres_url]
        )
        try:
            while not execute(postgres_url, waits):
                assert child.poll() is None
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait()
    there = execute(postgres_url, "SELECT * FROM ratings ORDER BY userid, movieid")
    assert there == sorted(RATINGS[:20])
    assert "270 rows to ratings, 250 of them new" in load(postgres_url, path)
    assert execute(postgres_url, "SELECT COUNT(*), MAX(rating) FROM ratings") == [(270, 0.5)]
