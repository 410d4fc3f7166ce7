"""Every single step of a run fails once, by a kill or by an error: nothing is lost or doubled."""

import itertools
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from script.shipping.errors import UnavailableError
from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.local import LocalTarget
from script.shipping.transfer import Options

from .numbered_logs import lines, numbered, ship


class KilledError(BaseException):
    """A process that is killed runs nothing more, so nothing here may catch this."""


class Fails(LocalTarget):
    """A directory whose step number `at` fails, with `error`, before or after it is done."""

    def __init__(self, directory: Path, at: int, error: type[BaseException], after: bool) -> None:
        super().__init__(directory)
        self.left, self.error, self.after = at, error, after
        self.is_dead = False
        self.one_by_one = threading.Lock()

    def step(self, do: Callable[[], None]) -> None:
        with self.one_by_one:
            if self.is_dead:
                raise self.error
            self.left -= 1
            fails = self.left == 0
            self.is_dead = fails and self.error is KilledError
            if not fails or self.after:
                do()
            if fails:
                raise self.error("the step that fails")

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        self.step(lambda: super(Fails, self).write(name, chunks))

    def rename(self, old: str, new: str) -> None:
        self.step(lambda: super(Fails, self).rename(old, new))

    def delete(self, name: str) -> None:
        self.step(lambda: super(Fails, self).delete(name))


def grown(tmp_path: Path, name: str) -> tuple[Path, Path]:
    """Logs and a target: one log was shipped and grew, one is new, one is large."""
    source, out = tmp_path / name / "log", tmp_path / name / "out"
    source.mkdir(parents=True)
    (source / "data.json").write_bytes(numbered(1, 2))
    ship(source, LocalTarget(out))
    (source / "data.json").write_bytes(numbered(1, 2, 3))
    (source / "data.json.1").write_bytes(numbered(*range(10, 30)))
    return source, out


def every_step(
    tmp_path: Path, replaces: bool, error: type[BaseException], after: bool, retry_seconds: float
) -> Iterable[tuple[Path, Path, bool]]:
    """Logs and target after a run of which one step failed, and whether the run ended well."""
    options = Options(threads=2, part_bytes=60, retry_seconds=retry_seconds)
    for at in itertools.count(1):
        source, out = grown(tmp_path, f"{at}")
        target = Fails(out, at, error, after)
        shipper = Shipper(target, options)
        try:
            (shipper.replace if replaces else shipper.ship)(find_logs(source))
        except KilledError:
            yield source, out, False
        else:
            yield source, out, True
            if target.left > 0:
                return


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_the_next_run_makes_it_good(
    tmp_path: Path, replaces: bool, after: bool
) -> None:
    runs = 0
    for source, out, _ in every_step(tmp_path, replaces, KilledError, after, 0):
        ship(source, LocalTarget(out))
        assert lines(out) == lines(source)
        runs += 1
    assert runs > 8  # fewer where parts are ready together, and have one record


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_a_step_that_fails_once_is_done_again(
    tmp_path: Path, replaces: bool, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("script.shipping.retry.time.sleep", lambda seconds: None)
    for source, out, ended_well in every_step(tmp_path, replaces, UnavailableError, after, 10):
        assert ended_well
        assert lines(out) == lines(source)
