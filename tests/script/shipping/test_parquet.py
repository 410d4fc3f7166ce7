"""Lines as Parquet: nothing of what a line says is lost, or it stays a line."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from script.shipping.parquet import write_parquet

DAY = 86_400_000
EVENT: dict[str, Any] = {
    "message": "next",
    "timestamp": 3 * DAY + 5,
    "user": 7,
    "track": 3,
    "time": 0.1 + 0.2,
    "latency": 1e-4,
    "recommendation": 5,
    "experiments": {"DAY": "T1", "é": "C"},
}


def line(**changes: Any) -> bytes:
    return json.dumps(EVENT | changes).encode() + b"\n"


def read(path: Path) -> list[dict[str, Any]]:
    rows = pq.read_table(path, partitioning=None).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_every_value_comes_back(tmp_path: Path) -> None:
    more = {"session": "s1", "recommender": "DAE", "rank": 2, "propensity": 0.5}
    written = write_parquet([line(), line(timestamp=4 * DAY, **more)], tmp_path, "p")
    assert written == ["dt=1970-01-04/data-p.parquet", "dt=1970-01-05/data-p.parquet"]
    rows = [row for name in written for row in read(tmp_path / name)]
    for row in rows:
        row["experiments"] = json.loads(row["experiments"])
    assert rows == [EVENT, EVENT | {"timestamp": 4 * DAY} | more]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"user": 1}\n',
        b"no JSON\n",
        b"\n",
        b"[1]\n",
        line(field_of_the_future=1),
        line(user="7"),
        line(user=2**63),
        line(time=True),
        line(time=2**53 + 1),
        line(session="\ud800"),
        b"[" * 100_000 + b"\n",
        line(time=None),
        line(timestamp=-1),
        line(timestamp=10**16),
        line(experiments=["DAY"]),
    ],
)
def test_a_line_that_does_not_fit_stays_a_line(tmp_path: Path, odd: bytes) -> None:
    written = write_parquet([line(), odd, line()], tmp_path, "p")
    assert written == ["dt=1970-01-04/data-p.parquet", "data.json.p"]
    assert (tmp_path / "data.json.p").read_bytes() == odd
    assert len(read(tmp_path / written[0])) == 2


def test_lines_may_be_cut_anywhere(tmp_path: Path) -> None:
    content = b"".join(line(track=track) for track in range(50))
    pieces = [content[i : i + 37] for i in range(0, len(content), 37)]
    [name] = write_parquet(pieces, tmp_path, "p")
    assert [row["track"] for row in read(tmp_path / name)] == list(range(50))
