"""What a worker knows, told by another process."""

import os
from pathlib import Path
from types import MappingProxyType

from botify.event_log.status import LogStatus
from botify.observability.health import WorkerReport
from botify.observability.worker_reports import read_reports, write_report

LOG = LogStatus(Path("log/data.json.0"), 7, 1, 2, 0.5, "No space left", 4096, True, 3, 99)
STATE = WorkerReport(
    False, "timed out", MappingProxyType({"dae": "a1"}), ("top",), {"dae": "why"}, LOG
)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_reports(tmp_path) == []
    write_report(tmp_path, STATE)
    assert read_reports(tmp_path) == [STATE]


def test_what_the_dead_said_and_what_is_broken_is_not_told(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        write_report(tmp_path, STATE)
        os._exit(0)
    os.waitpid(pid, 0)
    (tmp_path / "state_1.json").write_text("{")
    (tmp_path / f"state_{os.getpid()}.json").write_text('{"redis_up": true}')
    assert read_reports(tmp_path) == []
    assert not (tmp_path / f"state_{pid}.json").exists()
