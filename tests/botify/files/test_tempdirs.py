"""Temporary directories are removed, by their owner or by the next one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from botify.files.tempdirs import temporary_directory

HOLD = """
import sys, time
from pathlib import Path
from botify.files.tempdirs import temporary_directory
with temporary_directory("test", Path(sys.argv[1])) as directory:
    (directory / "file").touch()
    print(directory, flush=True)
    time.sleep(60)
"""


def test_it_is_there_while_wanted_and_gone_afterwards(tmp_path: Path) -> None:
    with temporary_directory("test", tmp_path) as directory:
        (directory / "file").write_text("something")
        assert directory.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_owner_left_is_removed_by_the_next_and_nothing_else(tmp_path: Path) -> None:
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        directories = [Path((holder.stdout or sys.stdin).readline().strip()) for holder in holders]
        holders[0].send_signal(signal.SIGKILL)
        holders[0].wait()
        bystander = tmp_path / "botify-test-of-a-person"
        bystander.mkdir()
        with temporary_directory("test", tmp_path):
            assert [directory.exists() for directory in directories] == [False, True]
            assert bystander.exists()
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()


def test_a_fork_of_the_owner_owns_it_as_well(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    owner = os.fork()
    if not owner:
        with temporary_directory("test", tmp_path) as directory:
            if not os.fork():
                os.write(writing, str(directory).encode())
                signal.pause()  # as a worker does, for as long as it lives
            os._exit(0)  # the owner is gone, its fork is not
    os.waitpid(owner, 0)
    directory = Path(os.read(reading, 1000).decode())
    (fork,) = (
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if path.name != str(os.getpid()) and _holds(path, directory)
    )
    try:
        with temporary_directory("test", tmp_path):
            assert directory.exists()
    finally:
        os.kill(fork, signal.SIGKILL)
        os.close(reading)
        os.close(writing)


def _holds(process: Path, directory: Path) -> bool:
    try:
        return any(os.readlink(fd) == f"{directory}/owned" for fd in (process / "fd").iterdir())
    except OSError:
        return False
