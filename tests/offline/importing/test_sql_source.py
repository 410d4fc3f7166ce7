"""Importing from a database, with bounds: PostgreSQL, DuckDB and SQLite alike."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.data.interactions import Interactions

from ..databases.engines import ENGINES, execute, source_of, values

BOUNDS = ("--min-users-per-item", "10", "--min-items-per-user", "3", "--max-items-per-user", "50")
CREATE = (
    "CREATE TABLE ratings"
    " (userid bigint, movieid bigint, rating double precision, timestamp bigint)"
)
Row = tuple[int | None, int | None, float | None, int]


def make_rows() -> list[Row]:
    """70 users with 1 to 60 of 120 films; some rate a film twice, some cells are empty."""
    rng = np.random.default_rng(5)
    rows: list[Row] = []
    for user in range(1, 71):
        count = 3 if user == 1 else 50 if user == 2 else int(rng.integers(1, 61))
        chance = 1 / np.arange(1, 121)
        films = rng.choice(120, count, replace=False, p=chance / chance.sum()) + 1
        rows += [
            (user, int(film), int(rng.integers(1, 11)) / 2, 1_500_000_000 + 1000 * user)
            for film in films
        ]
    # A film of 10 rows and one of 11: the bound is above 10. User 4's film twice counts twice.
    rows += [(u, 900, 3.0, 1_600_000_000) for u in range(11, 21)]
    rows += [(u, 901, 3.0, 1_600_000_000) for u in range(11, 22)]
    rows += [(4, 1, 0.5, 1_700_000_000), (4, 1, 1.0, 1_700_000_000), (4, 2, None, 1_600_000_000)]
    rows += [(None, 1, 3.0, 1_600_000_000), (5, None, 3.0, 1_600_000_000)]
    return rows


ROWS = make_rows()


def expected(rows: list[Row]) -> dict[tuple[int, int], float]:
    """The workshop's filter in plain Python."""
    per_item = Counter(item for _, item, *_ in rows)
    per_user = Counter(user for user, *_ in rows)
    pairs: dict[tuple[int, int], list[float]] = defaultdict(list)
    for user, item, value, _ in rows:
        if user is None or item is None or value is None:
            continue
        if per_item[item] > 10 and 3 <= per_user[user] <= 50:
            pairs[user, item].append(value)
    return {pair: fmean(found) for pair, found in sorted(pairs.items())}


def run(source: str, out: Path, *options: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["import", source, "--out", str(out), *options])
    assert result.exit_code == code, result.output
    if code:
        assert len(result.output.strip().splitlines()) == 1, result.output
        assert not out.exists()
    return result.output


def pairs_of(out: Path) -> dict[tuple[int, int], float]:
    data = Interactions.load(out)
    users, items = data.users.take(data.user), data.items.take(data.item)
    return dict(zip(zip(users, items, strict=True), data.value.tolist(), strict=True))  # type: ignore[arg-type]


@pytest.fixture(params=ENGINES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return source_of(request.param, request, tmp_path)


@pytest.fixture
def ratings(source: str) -> str:
    execute(source, CREATE, f"INSERT INTO ratings VALUES {values(ROWS)}")
    return source


def test_the_filter_is_the_same_on_all_engines(ratings: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = run(ratings, out, "--format", "sql", *BOUNDS)
    assert pairs_of(out) == expected(ROWS)
    assert {901, 900} & {item for _, item in pairs_of(out)} == {901}
    assert {1, 2} <= {user for user, _ in pairs_of(out)}
    steps: list[dict[str, Any]] = json.loads((out / "interactions.json").read_text())["selection"]
    for step in steps:
        shown = f"{step['rows']:,} rows, {step['users']:,} users, {step['items']:,} items"
        assert f"{step['what']}: {shown}" in told
        assert f"<td>{step['rows']:,}</td>" in (out / "card.html").read_text()
    assert [step["what"] for step in steps] == [
        "in the table",
        "items with more than 10 rows",
        "users with 3 rows or more",
        "users with 50 rows or fewer",
        "one for each user and item",
    ]
    per_item = Counter(item for _, item, *_ in ROWS)
    per_user = Counter(user for user, *_ in ROWS)
    kept = [(u, i) for u, i, *_ in ROWS if u and i and per_item[i] > 10]
    few = [(u, i) for u, i in kept if per_user[u] >= 3]
    many = [(u, i) for u, i in few if per_user[u] <= 50]
    for step, rows in zip(steps[1:4], (kept, few, many), strict=True):
        found = (len(rows), len({u for u, _ in rows}), len({i for _, i in rows}))
        assert (step["rows"], step["users"], step["items"]) == found
    assert (steps[0]["rows"], steps[0]["users"]) == (len(ROWS), 70)
    assert (steps[4]["rows"], steps[4]["users"]) == (len(set(many)), steps[3]["users"])
    assert "2 rows without a user or an item: left out" in told
    assert "1 row without a `rating`: means are of the others" in told


def test_the_limit_takes_the_first_in_order(ratings: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = run(ratings, out, *BOUNDS, "--limit", "200")
    whole = list(expected(ROWS).items())
    assert list(pairs_of(out).items()) == whole[:200]
    assert f"--limit 200 leaves out {len(whole) - 200:,} of {len(whole):,} pairs" in told
    first = Interactions.load(out).summary.fingerprint
    run(ratings, out, *BOUNDS, "--limit", "200")
    assert Interactions.load(out).summary.fingerprint == first


def test_all_rows_without_bounds_and_the_latest_time(ratings: str, tmp_path: Path) -> None:
    run(ratings, tmp_path / "out")
    data = Interactions.load(tmp_path / "out")
    assert len(data.user) == len({(u, i) for u, i, v, _ in ROWS if u and i and v})
    assert data.timestamp is not None
    assert data.timestamp.max() == 1_700_000_000_000


def test_titles_and_links_are_joined(ratings: str, tmp_path: Path) -> None:
    execute(
        ratings,
        "CREATE TABLE movies (movieid bigint, title varchar(80), genres varchar(80))",
        f"INSERT INTO movies VALUES {values([(n, f'Film, {n}', 'Drama') for n in range(1, 902)])}",
        "CREATE TABLE links (movieid bigint, imdbid varchar(20), tmdbid varchar(20))",
        f"INSERT INTO links VALUES {values([(n, f'00{n}', str(n)) for n in range(2, 902)])}",
    )
    told = run(ratings, tmp_path / "out")
    assert "titles from the table movies with ids of the table links" in told
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    wanted = {"id": 2, "title": "Film, 2", "genres": "Drama", "imdbid": "002", "tmdbid": "2"}
    assert wanted in items
    assert {
        "id": 1,
        "title": "Film, 1",
        "genres": "Drama",
        "imdbid": None,
        "tmdbid": None,
    } in items


def test_metadata_has_titles_by_the_ids_of_links(ratings: str, tmp_path: Path) -> None:
    execute(
        ratings,
        "CREATE TABLE movies_metadata (id bigint, title varchar(80))",
        f"INSERT INTO movies_metadata VALUES {values([(n + 5000, f'F {n}') for n in range(900)])}",
        "CREATE TABLE links (movieid bigint, imdbid varchar(20), tmdbid varchar(20))",
        f"INSERT INTO links VALUES {values([(n, '0', str(n + 5000)) for n in range(900)])}",
    )
    run(ratings, tmp_path / "out")
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert [item["title"] for item in items if item["id"] == 7] == ["F 7"]


def test_names_are_quoted_and_columns_named(source: str, tmp_path: Path) -> None:
    execute(
        source,
        'CREATE TABLE "my ""100%"" table" ("who; DROP" varchar(9), "a b" varchar(9), n bigint)',
        f"""INSERT INTO "my ""100%"" table" VALUES {
            values([(f"u{n % 9}", f"i{n}", 3) for n in range(90)])
        }""",
    )
    columns = ("--user-column", "who; DROP", "--item-column", "a b", "--value-column", "N")
    run(source, tmp_path / "out", "--table", 'my "100%" table', *columns)
    assert len(Interactions.load(tmp_path / "out").user) == 90


def test_a_query_in_place_of_a_table(ratings: str, tmp_path: Path) -> None:
    query = "SELECT userid, movieid, rating FROM ratings WHERE movieid % 2 = 0;"
    run(ratings, tmp_path / "out", "--query", query, "--min-users-per-item", "3")
    per_item = Counter(item for _, item, *_ in ROWS)
    rated = {item for _, item in pairs_of(tmp_path / "out")}
    assert rated == {i for i, n in per_item.items() if i and i % 2 == 0 and n > 3}


def test_without_a_value_the_number_of_rows_is_it(ratings: str, tmp_path: Path) -> None:
    run(ratings, tmp_path / "out", "--no-value", "--no-time")
    assert pairs_of(tmp_path / "out")[4, 1] == sum(row[:2] == (4, 1) for row in ROWS)
    assert set(Interactions.load(tmp_path / "out").kind.to_pylist()) == {"interaction"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--table", "rating"), "no table 'rating'; did you mean 'ratings'? it has ratings"),
        (("--user-column", "usr"), "no column 'usr' (--user-column); did you mean 'userid'?"),
        (("--min-users-per-item", "500"), "--min-users-per-item 500 leaves nothing"),
        (
            ("--min-users-per-item", "10", "--min-items-per-user", "99"),
            "--min-items-per-user 99 leaves nothing (in the table: ",
        ),
        (("--min-items-per-user", "51", "--max-items-per-user", "50"), "no user can meet both"),
        (("--limit", "0"), "--limit must be 1 or more, not 0"),
        (("--table", "a", "--query", "b"), "--table and --query are two sources: give one"),
        (("--repeats", "sum"), "--repeats has no meaning for a database"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    path = str(tmp_path / "films.sqlite")
    execute(path, CREATE, f"INSERT INTO ratings VALUES {values(ROWS)}")
    assert told in run(path, tmp_path / "out", *options, code=2)


def test_a_value_that_is_no_number(ratings: str, tmp_path: Path) -> None:
    query = "SELECT userid, movieid, 'many' AS rating FROM ratings"
    told = run(ratings, tmp_path / "out", "--query", query, code=2)
    assert "many" in told
    assert "name another column with --value-column" in told
    assert "no table 'films'" in run(ratings, tmp_path / "out", "--table", "films", code=2)


def test_an_empty_bound_says_how_far_the_table_reaches(ratings: str, tmp_path: Path) -> None:
    most = max(Counter(item for _, item, *_ in ROWS if item).values())
    told = run(ratings, tmp_path / "out", "--min-users-per-item", str(most), code=2)
    assert f"no item has more than {most}" in told


@pytest.mark.integration
def test_a_server_that_refuses(postgres_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "it has no tables" in run(postgres_url, out, code=2)
    wrong = postgres_url.replace("secret-of-a-test", "guess-of-somebody")
    told = run(wrong, out, code=2)
    assert 'password authentication failed for user "botify"' in told
    assert "guess-of-somebody" not in told
    nowhere = "postgresql://botify:guess-of-somebody@127.0.0.1:1/films"
    told = run(nowhere, out, code=2)
    assert "127.0.0.1:1/films: PostgreSQL does not answer there: start it" in told
    assert "guess-of-somebody" not in told
    assert 'database "other" does not exist' in run(
        postgres_url.rpartition("/")[0] + "/other", out, code=2
    )
    assert "csv reads files" in run(postgres_url, out, "--format", "csv", code=2)


def test_options_of_databases_are_refused_for_files(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("user,item\n1,2\n")
    told = run(str(path), tmp_path / "out", "--limit", "5", code=2)
    assert "--limit has a meaning for a database alone" in told


def test_types_that_sqlite_lets_be_mixed(tmp_path: Path) -> None:
    path = str(tmp_path / "films.sqlite")
    execute(
        path,
        "CREATE TABLE ratings (userid, movieid, rating)",
        "INSERT INTO ratings VALUES (1, 2, '4.5'), (1, 3, 'many'), ('u', 3, 2)",
    )
    assert "1 values of `rating` are no numbers, as 'many'" in run(path, tmp_path / "out", code=2)
    execute(path, "DELETE FROM ratings WHERE rating = 'many'")
    told = run(path, tmp_path / "out", code=2)
    assert "1 values of `userid` are texts and 1 are numbers" in told


def test_an_empty_table_is_told(ratings: str, tmp_path: Path) -> None:
    execute(ratings, "DELETE FROM ratings")
    assert "no rows" in run(ratings, tmp_path / "out", code=2)
