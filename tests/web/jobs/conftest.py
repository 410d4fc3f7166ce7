"""Jobs in this process, with a quick program in the place of `botify-offline`."""

import sys
from pathlib import Path

import pytest
from django.conf import settings

# What `botify-offline similarity` writes, of neighbours by number, in a fraction of its time.
QUICK = """#!{python}
import csv, gzip, json, pathlib, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir()
time.sleep({seconds})
if {broken}:
    sys.exit("Error: the model diverged")
with open("ratings.csv") as file:
    rows = list(csv.DictReader(file))
facts = {{}}
for name, key in (("users.csv.gz", "user"), ("items.csv.gz", "item")):
    ids = sorted({{int(row[key]) for row in rows}})
    with gzip.open(out / name, "wt", compresslevel=1) as file:
        file.write("row,column,value\\n")
        for at, one in enumerate(ids):
            for other in ids[at + 1 : at + 51]:
                file.write(f"{{one}},{{other}},0.5\\n")
    facts[name] = {{"rows": len(ids), "rows_without_any": 1}}
(out / "manifest.json").write_text(json.dumps({{"matrices": facts}}))
print("0.1 s, 1,007 MB", file=sys.stderr)
"""


def write_quick(path: Path, seconds: float = 0, broken: bool = False) -> Path:
    """An executable file that behaves so."""
    path.write_text(QUICK.format(python=sys.executable, seconds=seconds, broken=broken))
    path.chmod(0o755)
    return path


@pytest.fixture
def quick(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program; `write_quick(quick, ...)` changes it."""
    program = write_quick(tmp_path / "botify-offline")
    monkeypatch.setenv("BOTIFY_OFFLINE", str(program))
    monkeypatch.setattr(settings, "JOBS_DIR", tmp_path / "jobs")
    return program
