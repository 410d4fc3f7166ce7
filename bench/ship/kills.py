"""Kill the shipper at chosen steps while its logs and its target are changed by others.

Every step of a run on HDFS (upload, record, move, removal) is hit in turn, before and after it is
done, by a kill of the process. Meanwhile logs are written, rotated, copied, linked, compressed and
cut, and parts at the target are deleted, renamed and overwritten. After each kill the data client
runs as people run it: it must end well, or name what is gone and then end well with --resend.
Then every line that was ever written is there, once. Lines are also looked for before a log that
is marked as shipped is deleted, as the service deletes it.
"""

import gzip
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

import click
from hdfs import HdfsError, InsecureClient
from tqdm import tqdm

from bench.ship.__main__ import hdfs_script_option, started, url_option
from script.shipping.lock import exclusive_lock
from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.hdfs import HdfsTarget, connect
from script.shipping.transfer import Options

_USER = "ann"
_DIRECTORY = f"/user/{_USER}/killed"
_TRASH = f"/user/{_USER}/trash"
_CLIENT = Path(__file__).resolve().parents[2] / "script" / "dataclient.py"
_STEPS = ("write", "rename", "delete")
_OPTIONS = Options(threads=2, part_bytes=20_000, retry_seconds=0)


class Dies(HdfsTarget):
    """HDFS, for a process that is killed at its `at`-th step of a kind, or after it is done."""

    def __init__(self, url: str, kind: str, at: int, after: bool) -> None:
        super().__init__(connect(url, _USER), _DIRECTORY)
        self._kind, self._left, self._after = kind, at, after
        self._one_by_one = threading.Lock()

    def _step(self, kind: str, do: Callable[[], None]) -> None:
        with self._one_by_one:
            self._left -= kind == self._kind
            is_last = kind == self._kind and self._left == 0
            if not is_last or self._after:
                do()
            if is_last:
                os.kill(os.getpid(), signal.SIGKILL)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        self._step("write", lambda: super(Dies, self).write(name, chunks))

    def rename(self, old: str, new: str) -> None:
        self._step("rename", lambda: super(Dies, self).rename(old, new))

    def delete(self, name: str) -> None:
        self._step("delete", lambda: super(Dies, self).delete(name))


@dataclass
class Operator:
    """Changes the logs in `log` and the parts at the target, at random."""

    log: Path
    client: InsecureClient
    chance: random.Random
    lines: set[bytes] = field(default_factory=set)
    """All lines that were ever written."""
    done: Counter[str] = field(default_factory=Counter)
    trash: list[tuple[str, str]] = field(default_factory=list)
    """Where parts were taken from, and to."""

    def write(self) -> None:
        """Events of two workers; the log of one is rotated now and then."""
        for name in ("data.json.0", "data.json.1"):
            new = [b'{"user": %d}\n' % (len(self.lines) + i) for i in range(900)]
            with (self.log / name).open("ab") as file:
                file.writelines(new)
            self.lines.update(new)
        if self.chance.random() < 0.5:
            (self.log / "data.json.0").rename(self.log / f"data.json.0.{len(self.lines)}")

    def change_logs(self) -> None:
        """A random change as people and their tools make it to logs; no line is lost by it."""
        logs = [path for path in self.log.glob("data.json.*") if not path.is_symlink()]
        log = self.chance.choice([path for path in logs if not path.name.endswith(".gz")])
        number = len(self.lines)
        match self.chance.choice(["copy", "link", "hard link", "copytruncate", "gzip", "folder"]):
            case "copy":
                shutil.copy(log, self.log / f"data.json.copy{number}")
            case "link":
                (self.log / "data.json.current").unlink(missing_ok=True)
                (self.log / "data.json.current").symlink_to(log.name)
            case "hard link":
                with suppress(FileExistsError):
                    os.link(log, self.log / f"data.json.linked{number}")
            case "copytruncate":
                shutil.copy(log, self.log / f"data.json.rotated{number}")
                os.truncate(log, 0)
            case "gzip":
                packed = gzip.compress(log.read_bytes())
                (self.log / f"data.json.packed{number}.gz").write_bytes(packed)
            case "folder":
                (self.log / f"old{number}").mkdir(exist_ok=True)
                shutil.copy(log, self.log / f"old{number}")

    def change_target(self) -> None:
        """Delete, rename, cut or overwrite a part."""
        names = [name for name in self._listed() if name.startswith("data.json.")]
        if not names:
            return
        part = f"{_DIRECTORY}/{self.chance.choice(names)}"
        what = self.chance.choice(["delete", "rename", "cut", "overwrite"])
        self.done[what] += 1
        moved = f"{_TRASH}/{self.done.total()}"
        if what == "rename":
            moved = f"{_DIRECTORY}/moved.{self.done.total()}"
        self.client.rename(part, moved)
        self.trash.append((part, moved))
        size = self.client.status(moved)["length"]
        if what == "cut":
            self.client.write(part, data=b"x" * (size // 2))
        elif what == "overwrite":
            self.client.write(part, data=b"x" * size)

    def rename_target(self) -> None:
        """Rename the target for a moment; a directory made in its place meanwhile is removed."""
        self.done["rename all"] += 1
        with suppress(HdfsError):
            self.client.rename(_DIRECTORY, f"{_TRASH}/all")
            time.sleep(self.chance.uniform(0, 0.5))
            if self._listed():
                self.client.rename(_DIRECTORY, f"{_TRASH}/other{self.done.total()}")
            self.client.delete(_DIRECTORY, recursive=True)
            self.client.rename(f"{_TRASH}/all", _DIRECTORY)

    def restore(self, named: str) -> None:
        """Put back the parts that `named` lists: no log has their lines any more."""
        for part, moved in self.trash:
            if part.rpartition("/")[2] in named:
                self.client.delete(part)
                self.client.rename(moved, part)
        self.trash.clear()

    def delete_marked(self) -> None:
        """Delete as the service does with `log.delete_shipped`: logs that are at the target."""
        there = set(self.read())
        for marker in self.log.glob(".data.json.*.shipped"):
            log = marker.with_name(marker.name[1:].removesuffix(".shipped"))
            if log.name in ("data.json.0", "data.json.1") or not log.exists():
                continue
            if int(marker.read_text()) != log.stat().st_size:
                continue
            if not log.name.endswith(".gz"):
                missing = set(log.read_bytes().splitlines(True)) - there
                assert not missing, f"{log.name}: marked, and {len(missing)} lines are not there"
            log.unlink()
            marker.unlink()
            self.done["logs deleted"] += 1

    def read(self) -> list[bytes]:
        """All lines that a reader finds at the target."""
        lines: list[bytes] = []
        for name in self._listed():
            if name.startswith("data.json."):
                with self.client.read(f"{_DIRECTORY}/{name}") as reader:
                    content = reader.read()
                packed = name.endswith(".gz")
                lines += (gzip.decompress(content) if packed else content).splitlines(True)
        return lines

    def _listed(self) -> list[str]:
        with suppress(HdfsError):
            return list(self.client.list(_DIRECTORY))
        return []


def kills(url: str, count: int, seed: int, folder: Path) -> Counter[str]:
    """Kill this number of times; returns counts of all changes.

    Raises AssertionError if a line is lost or doubled.
    """
    with tqdm(total=count, unit="kill", mininterval=5) as bar:
        return _kills(url, count, seed, folder, bar)


def _kills(url: str, count: int, seed: int, folder: Path, bar: "tqdm[NoReturn]") -> Counter[str]:
    log = folder / "log"
    log.mkdir()
    client = InsecureClient(url, user=_USER, timeout=(10, 60))
    client.delete(_DIRECTORY, recursive=True)
    client.delete(_TRASH, recursive=True)
    client.makedirs(_TRASH)
    operator = Operator(log, client, random.Random(seed))
    happened = operator.done
    aims = itertools.cycle(
        (kind, at, after)
        for at in (1, 2, 3)
        for kind in _STEPS
        for after in (False, True)
        if kind != "delete" or at == 1  # few runs delete more than one thing
    )
    fork = get_context("fork")
    while happened["kills"] < count:
        operator.write()
        operator.change_logs()
        aim = next(aims)
        process = fork.Process(target=_ship, args=(url, log, *aim))
        process.start()
        beside: list[Callable[[], None]] = [
            operator.change_logs,
            operator.change_target,
            operator.rename_target,
            lambda: None,
        ]
        with suppress(HdfsError):  # the part was moved just now
            operator.chance.choice(beside)()
        process.join()
        was_killed = process.exitcode == -signal.SIGKILL
        process.close()
        happened["kills" if was_killed else "ran to its end"] += 1
        bar.update(was_killed)
        if operator.chance.random() < 0.5:
            operator.change_target()
        _recover(url, operator)
        operator.delete_marked()
    return happened


def _ship(url: str, log: Path, kind: str, at: int, after: bool) -> None:
    target = Dies(url, kind, at, after)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    with exclusive_lock(target) as owner:
        Shipper(target, _OPTIONS, owner=owner).ship(find_logs(log), resends=True)


def _recover(url: str, operator: Operator) -> None:
    """Run the data client until it ends well, and look for every line."""
    done = _client(url, operator.log)
    if done.returncode:
        assert done.returncode == 1, done.stderr
        assert "--resend" in done.stderr, done.stderr
        operator.done["losses reported"] += 1
        done = _client(url, operator.log, "--resend")
    if done.returncode:
        assert "no log here still has" in done.stderr, done.stderr
        operator.done["restored"] += 1
        operator.restore(done.stderr)
        done = _client(url, operator.log, "--resend")
    assert done.returncode == 0, done.stderr
    operator.trash.clear()
    for name in operator.client.list(_DIRECTORY):
        if name.startswith("moved."):
            operator.client.delete(f"{_DIRECTORY}/{name}")
    there = Counter(operator.read())
    lost = operator.lines - there.keys()
    doubled = [line for line, number in there.items() if number > 1]
    assert not lost, f"{len(lost)} lines are lost, such as {min(lost)!r}"
    assert not doubled, f"{len(doubled)} lines are there twice, such as {doubled[0]!r}"
    waiting = operator.client.list(f"{_DIRECTORY}/_incoming")
    assert not waiting, f"left in _incoming: {waiting}"
    operator.done["lines compared"] += len(operator.lines)


def _client(url: str, log: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, os.fspath(_CLIENT), "--user", _USER, "log2hdfs", "--url", url]
    command += ["--log-dir", os.fspath(log), "--part-size", "20k", "--mark-shipped", *options]
    return subprocess.run(
        [*command, _DIRECTORY.rpartition("/")[2]], capture_output=True, text=True, timeout=300
    )


@click.command()
@url_option
@hdfs_script_option
@click.option("--kills", "count", default=40, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(url: str | None, hdfs_script: Path | None, count: int, seed: int) -> None:
    """Kill the shipper, and print what happened."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-kills-")))
        url = url or stack.enter_context(started(hdfs_script, folder / "hdfs"))
        for what, number in sorted(kills(url, count, seed, folder).items()):
            click.echo(f"{what}: {number:,}")


if __name__ == "__main__":
    main()
