"""The event log: whole lines, whatever happened before."""

import json
import subprocess
import sys
from pathlib import Path

from botify.event_log import EventLog, log_name


def test_each_event_is_on_disk_at_once_and_later_starts_append(tmp_path: Path) -> None:
    path = tmp_path / "made" / "data.json"
    for user in (1, 10**30):
        log = EventLog(path)
        log.write({"user": user, "time": 0.5})
        assert json.loads(path.read_text().splitlines()[-1]) == {"user": user, "time": 0.5}
        log.close()
    assert path.read_text().count("\n") == 2


def test_a_line_cut_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text('{"user":1}\n{"us')
    log = EventLog(path)
    log.write({"user": 2})
    log.close()
    assert path.read_text() == '{"user":1}\n{"us\n{"user":2}\n'


def test_several_workers_write_a_file_each() -> None:
    assert log_name(0, workers=1) == "data.json"
    assert [log_name(worker, workers=2) for worker in (0, 1)] == ["data.json.0", "data.json.1"]


def test_a_line_the_disk_took_in_part_spoils_no_later_one(tmp_path: Path) -> None:
    """A file-size limit cuts a line, as a full disk does; set in a process of its own."""
    program = """
import resource, signal, sys
from pathlib import Path
from botify.event_log import EventLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = EventLog(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (30, resource.RLIM_INFINITY))
try:
    log.write({"lost": "x" * 100})
except OSError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    log.write({"answered": 1})
    log.write({"answered": 2})
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "data.json")], check=True)
    cut, *whole = (tmp_path / "data.json").read_text().splitlines()
    assert cut.startswith('{"lost":"xxx')
    assert [json.loads(line) for line in whole] == [{"answered": 1}, {"answered": 2}]
