"""Each place that names the fields of an event, held against `contract.events`."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from contract.events import EVENT, FIELDS, REQUIRED, Field, parse_event
from offline.logs import bad_lines, json_lines, parquet
from offline.logs.spark import line_parser
from sim.logs import rows as sim_log
from sim.logs.origin import Origin

ROOT = Path(__file__).resolve().parents[2]
KIND = {field.name: field.kind for field in EVENT}
JUDGED = {*REQUIRED, "recommendation"}
SQL_TYPES = {
    "text": {"VARCHAR"},
    "integer": {"BIGINT", "VARCHAR"},  # a user's id is text: it may be of any size
    "number": {"DOUBLE"},
    "object": {"VARCHAR"},
}
# Columns that a reader adds, and what it calls the user.
ADDED = {"file", "unit", "fault"}


def named(column: str) -> str:
    return "user" if column == "user_id" else column


def columns_of_lines() -> dict[str, str]:
    """The columns of the table `lines`, made by events.sql."""
    with duckdb.connect() as connection:
        connection.execute((json_lines.HERE / "events.sql").read_text())
        found = connection.execute("DESCRIBE lines").fetchall()
    return {name: kind for name, kind, *_ in found}


def columns_of_shop_lines() -> set[str]:
    """The same of a shop's log; `same` is added to them by shop_events.sql."""
    with duckdb.connect() as connection:
        for script in ("events.sql", "shop_lines.sql"):
            connection.execute((json_lines.HERE / script).read_text())
        return {name for name, *_ in connection.execute("DESCRIBE lines").fetchall()}


def test_the_simulators_log_has_fields_of_the_contract_in_their_order() -> None:
    schema = sim_log.schema_of(Origin("run", "world"))
    names = schema.names[: len(sim_log.SCHEMA)]
    assert names == list(FIELDS[: len(names)])
    assert set(schema.names) <= set(FIELDS)
    kinds = {pa.int64(): "integer", pa.float64(): "number"}
    for field in schema:
        kind = "text" if KIND[field.name] == "object" else KIND[field.name]
        assert kinds.get(field.type, "text") == kind, field.name


def test_the_readers_of_json_and_parquet_read_fields_of_the_contract() -> None:
    assert set(json_lines.FIELDS) <= set(FIELDS)
    assert set(json_lines.FIELDS) >= JUDGED
    assert tuple(parquet._REQUIRED) == REQUIRED
    assert {*parquet._READ, "timestamp"} == set(REQUIRED)
    for name, kind in parquet._OPTIONAL.items():
        assert kind in SQL_TYPES[KIND[name]], name
    assert {*REQUIRED, *parquet._OPTIONAL, "recommendation"} == set(json_lines.FIELDS)
    assert set(bad_lines.WANTED) == JUDGED


def test_the_table_of_sql_has_columns_of_the_contract() -> None:
    columns = columns_of_lines()
    assert {named(column) for column in columns} - ADDED == set(json_lines.FIELDS)
    for column, kind in columns.items():
        if column not in ADDED:
            assert kind in SQL_TYPES[KIND[named(column)]], column


def test_the_query_of_json_fills_that_table_and_judges_what_is_required() -> None:
    text = (json_lines.HERE / "events_json.sql").read_text()
    texts = text[: text.index("FROM read_json")]
    assert set(json_lines.FIELDS) <= set(re.findall(r"\w+", texts))
    shown = set(re.findall(r"WHEN '(\w+)' THEN", text[text.index("CASE fault") :]))
    assert shown == JUDGED
    columns = re.findall(r"\w+", text[text.rindex("SELECT") : text.index("CASE fault")])
    assert [word for word in columns if word in columns_of_lines()] == list(columns_of_lines())


def test_faults_of_sql_are_fields_of_the_contract() -> None:
    text = (json_lines.HERE / "events.sql").read_text()
    faults = set(re.findall(r"THEN '(\w+)'", text[text.index("CREATE MACRO fault_of") :]))
    assert faults - {"line"} | {"message"} == JUDGED


def test_spark_has_the_columns_of_that_table() -> None:
    types = dict(word.split(" ") for word in line_parser.SCHEMAS["music"].split(", "))
    spark = {"VARCHAR": "STRING", "INTEGER": "INT", "UTINYINT": "TINYINT"}
    for column, kind in columns_of_lines().items():
        assert types[column] == spark.get(kind, kind), column
    assert columns_of_shop_lines() - {"fault"} <= {
        word.split(" ")[0] for word in line_parser.SCHEMAS["shop"].split(", ")
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "offline").rglob("*.sql")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_queries_ask_events_for_columns_that_there_are(path: Path) -> None:
    text = re.sub(r"--.*", "", path.read_text())
    asked = set(re.findall(r"\bevents\.(\w+)", text))
    shop = path.name.startswith("shop_")
    columns = {*columns_of_shop_lines(), "same"} if shop else columns_of_lines().keys()
    assert asked <= {*columns, "n"} - {"unit", "fault"}


def event_literals() -> Iterator[tuple[str, set[str]]]:
    """Dicts of Python in bench/ that look like events."""
    for path in sorted((ROOT / "bench").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                keys = {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
                if {"message", "timestamp"} <= keys:
                    yield str(path.relative_to(ROOT)), keys


def test_what_the_benches_log_are_events() -> None:
    found = list(event_literals())
    assert found
    for place, keys in found:
        assert {*REQUIRED, "recommendation"} <= keys <= set(FIELDS), place


def test_the_lines_that_the_bench_of_shipping_makes_are_events() -> None:
    [text] = [
        ast.literal_eval(node.value)
        for path in (ROOT / "bench" / "ship").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_LINE"
    ]
    row: dict[str, Any] = json.loads(text % (1_700_000_000_000, 1, 2, 0.5, 0.001, 3, 1))
    assert set(row) == {*REQUIRED, "recommendation"}
    assert parse_event(row).user == "1"


def test_the_log_that_the_bench_of_watching_makes_has_fields_of_the_contract() -> None:
    [path] = (ROOT / "bench").rglob("watch.py")
    text = path.read_text()
    query = text[text.index("SELECT\n    CASE WHEN j") : text.index("ORDER BY timestamp")]
    columns = set(re.findall(r"AS \"?(\w+)", re.sub(r"CAST\(.*?AS \w+\)", "", query)))
    assert {*REQUIRED, "recommendation"} <= columns <= set(FIELDS)


@pytest.mark.parametrize("field", EVENT, ids=lambda field: field.name)
def test_the_page_on_the_log_has_each_field(field: Field) -> None:
    pages = [path.read_text() for path in (ROOT / "docs").rglob("*.md")]
    [table] = [
        page[page.index("## The event log") :] for page in pages if "## The event log" in page
    ]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert any(f"`{field.name}`" in row for row in rows)
