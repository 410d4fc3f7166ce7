"""Every SQL file says which tables it reads and which it makes."""

import re
from pathlib import Path

import pytest

ROOM = Path(__file__).parents[2] / "offline"
FILES = sorted(ROOM.glob("**/*.sql"))


def described(text: str, word: str) -> set[str]:
    """The names of the header's line `-- needs: a, b`, or `-- makes:`."""
    found = re.findall(rf"^-- {word}: (.*)$", text, re.MULTILINE)
    assert len(found) <= 1
    return set(found[0].split(", ")) if found else set()


def made(text: str) -> set[str]:
    return set(re.findall(r"^CREATE (?:TABLE|VIEW|MACRO) (\w+)", text, re.MULTILINE))


def read(text: str) -> set[str]:
    """Relations that are read, but for those that the file makes or names in a WITH."""
    code = re.sub(r"'[^']*'", "''", re.sub(r"--[^\n]*", "", text))
    local = set(re.findall(r"(\w+) AS (?:MATERIALIZED )?\(\s*SELECT", code))
    named = set(re.findall(r"\b(?:FROM|JOIN|INTO)\s+([a-z_]+)\b(?!\s*\()", code))
    return named - local - made(code)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOM)))
def test_a_file_names_its_tables(path: Path) -> None:
    text = path.read_text()
    assert described(text, "needs") == read(text)
    assert described(text, "makes") == made(text)


def test_a_table_that_is_read_is_seen() -> None:
    text = """
    CREATE TABLE a AS
    WITH b AS (
        SELECT EXTRACT(x) FROM c -- FROM nowhere
    )
    SELECT ' FROM text', * FROM b JOIN d ON TRUE;
    INSERT INTO e SELECT * FROM read_json(f)
    """.replace("\n    ", "\n")
    assert read(text) == {"c", "d", "e"}
    assert made(text) == {"a"}
