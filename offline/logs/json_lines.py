"""Reads JSON Lines into the table `lines`, and explains lines that are no events."""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from offline.logs.bad_lines import LINE, explain_fault, explain_line

HERE = Path(__file__).parent / "sql"
_VALUES = ("message", "timestamp", "user", "track", "time", "latency", "recommendation")
_NAMES = ("session", "recommender", "run", "world_version", "model_version")
# That DuckDB takes the quotes off names as it parses is quicker than `->>` on what it parsed.
FIELDS = {
    **dict.fromkeys((*_VALUES, "experiments", "propensity"), "JSON"),
    **dict.fromkeys(_NAMES, "VARCHAR"),
}
"""Fields of a line that are read, and the type that each arrives as."""


def load_json(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], kind: str, first: int
) -> None:
    """Append JSON Lines to the table `lines`, as the files numbered from `first`."""
    connection.execute(
        f"INSERT INTO lines SELECT * EXCLUDE (shown) FROM ({_json()})",
        _parameters(paths, kind, first),
    )


def _json() -> str:
    return (HERE / "events_json.sql").read_text()


def _parameters(paths: Sequence[Path], kind: str, first: int) -> Mapping[str, object]:
    return {
        "files": [glob.escape(str(path)) for path in paths],
        "columns": FIELDS,
        "compression": "none" if kind == "plain" else kind,
        "first_file": first,
    }


def explain_json(
    connection: duckdb.DuckDBPyConnection, lines: Sequence[bytes], part: Path
) -> list[str]:
    """Why lines were turned down, by the reader's own rule; they go through the file `part`."""
    part.write_bytes(b"".join(line + b"\n" for line in lines))
    found = connection.execute(
        f"SELECT fault, shown FROM ({_json()})", _parameters([part], "plain", 0)
    ).fetchall()
    return [
        explain_line(line) if fault == LINE else explain_fault(fault, shown)
        for line, (fault, shown) in zip(lines, found, strict=True)
    ]
