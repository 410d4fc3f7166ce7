"""`analyze` of tables in a test's own folder."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from offline.cli import main


def judge(place: Path, *words: object, fails: bool = False) -> tuple[str, dict[str, Any]]:
    """What was said, and the JSON; words with @ are files of the place."""
    out = place / "found.json"
    arguments = [str(word).replace("@", f"{place}/") for word in words]
    extra = [] if fails else ["--json", str(out), "--out", str(place / "page.html")]
    done = CliRunner().invoke(main, ["analyze", *arguments, *extra])
    assert done.exit_code == (2 if fails else 0), done.output
    if fails:
        assert len(done.output.strip().splitlines()) <= 4
        return done.output, {}
    return done.output, json.loads(out.read_text())


def row_of(found: dict[str, Any], metric: str) -> dict[str, Any]:
    return next(row for row in found["metrics"] if row["metric"] == metric)
