"""Reads JSON Lines into the table `lines`, and explains lines that are no events."""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from offline.logs.bad_lines import LINE, explain_fault, explain_line
from offline.logs.forms import MUSIC, LineForm

HERE = Path(__file__).parent / "sql"
FIELDS = MUSIC.fields


def load_json(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    kind: str,
    first: int,
    form: LineForm = MUSIC,
) -> None:
    """Append JSON Lines to the table `lines`, as the files numbered from `first`."""
    connection.execute(
        f"INSERT INTO lines SELECT * EXCLUDE (shown) FROM ({_json(form)})",
        _parameters(paths, kind, first, form),
    )


def make_lines(connection: duckdb.DuckDBPyConnection, form: LineForm = MUSIC) -> None:
    """Make the empty table `lines`, and the macros that fill it."""
    for name in form.tables:
        connection.execute((HERE / name).read_text())


def _json(form: LineForm) -> str:
    return (HERE / form.json).read_text()


def _parameters(
    paths: Sequence[Path], kind: str, first: int, form: LineForm
) -> Mapping[str, object]:
    return {
        "files": [glob.escape(str(path)) for path in paths],
        "columns": form.fields,
        "compression": "none" if kind == "plain" else kind,
        "first_file": first,
    }


def explain_json(
    connection: duckdb.DuckDBPyConnection,
    lines: Sequence[bytes],
    part: Path,
    form: LineForm = MUSIC,
) -> list[str]:
    """Why lines were turned down, by the reader's own rule; they go through the file `part`."""
    part.write_bytes(b"".join(line + b"\n" for line in lines))
    found = connection.execute(
        f"SELECT fault, shown FROM ({_json(form)})", _parameters([part], "plain", 0, form)
    ).fetchall()
    return [
        explain_line(line) if fault == LINE else explain_fault(fault, shown)
        for line, (fault, shown) in zip(lines, found, strict=True)
    ]
