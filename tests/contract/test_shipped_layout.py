"""What the service logs, shipped as notebooks of other editions look for it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offline.logs.files import is_of_several

from .load import Load

pytestmark = pytest.mark.integration

DATACLIENT = Path(__file__).resolve().parents[2] / "script" / "dataclient.py"
Serve = Callable[..., Any]


def ship(served: Any, out: Path) -> None:
    command = [sys.executable, DATACLIENT, "log2local", "--log-dir", served.log_dir, out]
    subprocess.run(list(map(str, command)), check=True, timeout=60)


def test_one_worker_writes_data_json_and_goes_on_beside_it(serve: Serve) -> None:
    served = serve({"workers": 1, "log": {"rotate_bytes": 4096, "min_free_bytes": 0}})
    assert [path.name for path in served.log_dir.glob("data.json*")] == ["data.json"]
    with Load(served.url) as load:
        load.goes_on(40)
    served.stop()
    names = sorted(path.name for path in served.log_dir.glob("data.json*"))
    assert names[0] == "data.json"
    assert len(names) > 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_notebook_finds_all_lines_of_a_service(
    serve: Serve, tmp_path: Path, workers: int
) -> None:
    served = serve({"workers": workers, "log": {"rotate_bytes": 4096, "min_free_bytes": 0}})
    out = tmp_path / "shipped"
    with Load(served.url) as load:
        load.goes_on(20)
        ship(served, out)
        load.goes_on(20)
    served.stop()
    ship(served, out)
    file = out / "botify-recommender-1" / "data.json"
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(map(repr, events)) == sorted(map(repr, served.log()))
    # Lines of several logs are in no order of time, which readers must know.
    assert is_of_several(file)
