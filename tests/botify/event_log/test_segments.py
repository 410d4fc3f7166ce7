"""Names of the event log's files: who has them, what follows them, what may be deleted."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botify.errors import InputError
from botify.event_log.segments import (
    Segment,
    Unshipped,
    begin,
    check,
    claim,
    resume,
    unshipped_files,
)

NOW = 1_795_386_612.345  # 2026-11-22 22:30:12.345 UTC
CLAIM = """
import signal, sys
from pathlib import Path
from botify.event_log.segments import claim
base, _ = claim(Path(sys.argv[1]), int(sys.argv[2]))
print(base.name, flush=True)
signal.pause()
"""


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("data.json*"))


def marked(path: Path, size: int | str) -> Path:
    marker = path.with_name(f".{path.name}.shipped")
    marker.write_text(f"{size}\n")
    return marker


@pytest.mark.parametrize(
    ("workers", "expected"),
    [(1, ["data.json", "data.json.1", "data.json.2"]), (2, ["data.json.0", "data.json.1"])],
)
def test_workers_of_any_service_on_a_directory_have_a_name_each(
    tmp_path: Path, workers: int, expected: list[str]
) -> None:
    claims = [claim(tmp_path, workers) for _ in expected]
    assert [base.name for base, _ in claims] == expected
    assert names(tmp_path) == []  # lock files are hidden from those who look for logs
    for _, descriptor in claims:
        os.close(descriptor)


@pytest.mark.integration
def test_a_killed_workers_name_goes_to_the_one_that_replaces_it(tmp_path: Path) -> None:
    def worker() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", CLAIM, str(tmp_path), "2"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        return process, process.stdout.readline().strip()

    processes = []
    try:
        for expected in ("data.json.0", "data.json.1", "data.json.2"):
            process, name = worker()
            processes.append(process)
            assert name == expected
        processes[1].send_signal(signal.SIGKILL)
        processes[1].wait()
        process, name = worker()
        processes.append(process)
        assert name == "data.json.1"
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_number_is_not_handed_on_to_programs_that_we_start(tmp_path: Path) -> None:
    _, descriptor = claim(tmp_path, 1)
    sleeper = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        os.close(descriptor)
        base, descriptor = claim(tmp_path, 1)
        os.close(descriptor)
        assert base.name == "data.json"
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_lock_file_that_is_no_file_costs_a_number_only(tmp_path: Path) -> None:
    (tmp_path / ".data.json.0.lock").mkdir()
    base, descriptor = claim(tmp_path, 2)
    os.close(descriptor)
    assert base.name == "data.json.1"


def test_the_first_file_has_the_plain_name_and_the_next_ones_the_time(tmp_path: Path) -> None:
    base = tmp_path / "made" / "data.json.3"
    found = []
    for _ in range(3):
        with closing(begin(base, NOW)) as segment:
            found.append(segment.path.name)
    assert found == [
        "data.json.3",
        "data.json.3.20261122T223012.345Z",
        "data.json.3.20261122T223012.346Z",  # not the same name twice
    ]


@given(st.lists(st.floats(0, 4e9), min_size=2, max_size=6))
def test_a_new_file_sorts_last_whatever_the_clock_says(
    tmp_path_factory: pytest.TempPathFactory, clock: list[float]
) -> None:
    base = tmp_path_factory.mktemp("log") / "data.json"
    begun = []
    for now in clock:
        with closing(begin(base, now)) as segment:
            begun.append(segment.path.name)
    assert begun == sorted(set(begun))


def test_a_start_goes_on_with_the_newest_file_of_its_number_alone(tmp_path: Path) -> None:
    for name in (
        "data.json.1",
        "data.json.1.20261122T223012.345Z",
        "data.json.1.20261121T000000.000Z",
        "data.json.10",
        "data.json.1.20261123T000000.000Z.gz",
        "data.json.1.9",
    ):
        (tmp_path / name).write_text("{}\n")
    with closing(resume(tmp_path / "data.json.1", NOW)) as segment:
        assert segment.path.name == "data.json.1.20261122T223012.345Z"


def test_a_file_that_somebody_else_writes_is_left_to_him(tmp_path: Path) -> None:
    """As where a person deleted the lock files of a running service."""
    base = tmp_path / "data.json"
    with closing(begin(base, NOW)), closing(resume(base, NOW)) as ours:
        assert ours.path.name == "data.json.20261122T223012.345Z"


def test_a_directory_with_a_logs_name_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "data.json").mkdir()
    with closing(resume(tmp_path / "data.json", NOW)) as segment:
        assert segment.path.name == "data.json.20261122T223012.345Z"
    assert unshipped_files(tmp_path, delete_shipped=True) == Unshipped(0, 0)


def test_a_name_that_is_no_date_does_not_stop_the_next_file(tmp_path: Path) -> None:
    (tmp_path / "data.json.99999999T999999.999Z").write_text("{}\n")
    begin(tmp_path / "data.json", NOW).close()
    assert "data.json.20261122T223012.345Z" in names(tmp_path)


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [
        (b'{"timestamp":1795386612345,"user":1}\n{"timestamp":2}\n', NOW),
        (b'{"user":1}\n', 1000.0),
        (b"[1]\n", 1000.0),
        (b'{"timestamp":null}\n', 1000.0),
        (b'{"timest', 1000.0),
    ],
)
def test_a_file_is_as_old_as_its_first_event_or_else_its_last_write(
    tmp_path: Path, first_line: bytes, expected: float
) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(first_line)
    os.utime(path, (1000, 1000))
    with closing(Segment(path, new=False)) as segment:
        assert segment.first_event() == expected


def test_what_nobody_marked_as_shipped_is_counted_and_kept(tmp_path: Path) -> None:
    sizes = {"data.json.0": 10, "data.json.0.20261122T223012.345Z": 20, "data.json.x.gz": 40}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"\n" * size)
    (tmp_path / "else.json").write_bytes(b"\n" * 80)
    assert unshipped_files(tmp_path, delete_shipped=True) == Unshipped(3, 70)
    marked(tmp_path / "data.json.0", 4)
    assert unshipped_files(tmp_path, delete_shipped=True) == Unshipped(3, 66)
    marked(tmp_path / "data.json.0", 10)
    assert unshipped_files(tmp_path, delete_shipped=False) == Unshipped(2, 60)
    assert names(tmp_path) == sorted(sizes)


@pytest.mark.parametrize("text", ["", "all", "-1", "11", "9" * 5000, "1.0"])
def test_a_marker_that_does_not_fit_its_file_deletes_nothing(tmp_path: Path, text: str) -> None:
    for name in ("data.json", "data.json.20261122T223012.345Z"):
        (tmp_path / name).write_bytes(b"\n" * 10)
    marked(tmp_path / "data.json", text)
    assert unshipped_files(tmp_path, delete_shipped=True) == Unshipped(2, 20)
    assert len(names(tmp_path)) == 2


def test_an_empty_file_without_a_marker_is_kept(tmp_path: Path) -> None:
    for name in ("data.json", "data.json.20261122T223012.345Z"):
        (tmp_path / name).touch()
    assert unshipped_files(tmp_path, delete_shipped=True) == Unshipped(0, 0)
    assert len(names(tmp_path)) == 2


def test_shipped_files_that_were_left_are_deleted_with_their_markers(tmp_path: Path) -> None:
    """Those of a number that no worker has any more as well; the newest of a number never."""
    kept = ["data.json.0.20261122T223012.345Z", "data.json.1.20261122T223012.345Z"]
    for name in ("data.json.0", "data.json.1", *kept):
        (tmp_path / name).write_bytes(b"\n" * 10)
        marked(tmp_path / name, 10)
    assert unshipped_files(tmp_path, delete_shipped=True) == Unshipped(0, 0)
    assert names(tmp_path) == kept
    assert not (tmp_path / ".data.json.0.shipped").exists()


def test_a_file_that_a_process_writes_is_never_deleted(tmp_path: Path) -> None:
    with closing(begin(tmp_path / "data.json", NOW)) as segment:
        segment.append(b"{}\n")
        begin(tmp_path / "data.json", NOW).close()
        marked(segment.path, 3)
        unshipped_files(tmp_path, delete_shipped=True)
        assert segment.in_place()
    unshipped_files(tmp_path, delete_shipped=True)
    assert names(tmp_path) == ["data.json.20261122T223012.345Z"]


def test_a_check_of_a_good_directory_leaves_only_the_directory(tmp_path: Path) -> None:
    check(tmp_path / "made" / "log")
    assert list((tmp_path / "made" / "log").iterdir()) == []


def test_a_check_says_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with pytest.raises(InputError, match=r"log: cannot hold the event log .*file is in the way"):
        check(tmp_path / "log")
    with pytest.raises(InputError, match=r"/proc/log: cannot hold the event log .*--log-dir"):
        check(Path("/proc/log"))


def test_a_file_is_as_old_as_what_came_first_into_it(tmp_path: Path) -> None:
    with closing(Segment(tmp_path / "data.json", new=True)) as segment:
        segment.append(b'{"message":"event","timestamp":1000,"received":7000}\n')
        assert segment.first_event() == 7
