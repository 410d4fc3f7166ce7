"""What log2local makes for notebooks: one growing data.json for each recommender."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from script.dataclient import main
from script.shipping.errors import UnavailableError
from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.local import LocalTarget
from script.shipping.transfer import Options

from .numbered_logs import numbered

GROUPED = Options(threads=2, retry_seconds=0, by_recommender=True)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json.0").write_bytes(numbered(1, 2))
    (directory / "data.json.1").write_bytes(numbered(11, 12))
    return directory


@pytest.fixture
def found(tmp_path: Path) -> Callable[[], bytes]:
    """What a notebook reads."""
    return (tmp_path / "out" / "botify-recommender-1" / "data.json").read_bytes


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["log2local", *arguments])


def test_all_workers_and_all_rounds_go_to_one_file(
    source: Path, found: Callable[[], bytes], tmp_path: Path
) -> None:
    assert call("out").exit_code == 0
    (source / "data.json.0").write_bytes(numbered(1, 2, 3))
    (source / "data.json.2.gz").write_bytes(gzip.compress(numbered(21)) + gzip.compress(b"x"))
    (source / "host2").mkdir()
    (source / "host2" / "data.json").write_bytes(numbered(31))
    assert call("--part-size", "10", "out").exit_code == 0
    assert found() == numbered(1, 2, 11, 12, 3, 21) + b"x\n"
    other = tmp_path / "out" / "botify-recommender-host2" / "data.json"
    assert other.read_bytes() == numbered(31)
    assert "already there: 4)" in call("out").stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_incoming",
        "_manifest",
        "botify-recommender-1",
        "botify-recommender-host2",
    ]


def test_a_damaged_compressed_log_is_named(source: Path, tmp_path: Path) -> None:
    (source / "data.json.2.gz").write_bytes(gzip.compress(numbered(21, 22))[:-9])
    done = call("out")
    assert done.exit_code == 2
    assert "data.json.2.gz: is damaged" in done.stderr
    assert call("--flat", "flat").exit_code == 0


@pytest.mark.parametrize("options", [["--compress", "gzip"], ["--format", "parquet"]])
def test_files_of_other_names_are_flat(source: Path, options: list[str]) -> None:
    done = call(*options, "out")
    assert (done.exit_code, "need --flat" in done.stderr) == (2, True)
    assert call(*options, "--flat", "out").exit_code == 0


def test_a_directory_has_one_layout(source: Path) -> None:
    assert call("out").exit_code == call("--flat", "flat").exit_code == 0
    done = call("--flat", "out")
    assert (done.exit_code, "filled without --flat" in done.stderr) == (2, True)
    done = call("flat")
    assert (done.exit_code, "filled with --flat" in done.stderr) == (2, True)


def test_a_file_that_no_record_knows_is_not_written_to(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "out" / "botify-recommender-1" / "data.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"of docker cp\n")
    done = call("out")
    assert (done.exit_code, "botify-recommender-1/data.json in out: no record" in done.stderr) == (
        2,
        True,
    )
    assert file.read_bytes() == b"of docker cp\n"


def test_parts_may_lie_beside_what_others_copied(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "out" / "botify-recommender-1" / "data.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"of docker cp\n")
    for _ in range(2):
        assert call("--flat", "out").exit_code == 0


def test_a_target_inside_of_the_logs(source: Path, tmp_path: Path) -> None:
    done = call("log/out")
    assert (done.exit_code, "is inside log" in done.stderr) == (2, True)
    assert not (source / "out").exists()


class StopsError(BaseException):
    """A kill."""


@pytest.mark.parametrize("error", [StopsError, UnavailableError])
@pytest.mark.parametrize("step", ["before", "half", "after"])
def test_killed_while_a_file_grows(
    source: Path, found: Callable[[], bytes], tmp_path: Path, step: str, error: type[BaseException]
) -> None:
    class Stops(LocalTarget):
        def append(self, name: str, to: str, start: int, modified: int) -> None:
            if step == "half":
                with (tmp_path / "out" / to).open("ab") as file:
                    file.write(b'{"us')
            if step == "after":
                super().append(name, to, start, modified)
            raise error("stopped")

    target = LocalTarget(tmp_path / "out")
    Shipper(target, GROUPED).ship(find_logs(source))
    (source / "data.json.0").write_bytes(numbered(1, 2, 3))
    with pytest.raises(BaseException, match="stopped"):
        Shipper(Stops(tmp_path / "out"), GROUPED).ship(find_logs(source))
    (source / "data.json.1").write_bytes(numbered(11, 12, 13))
    Shipper(target, GROUPED).ship(find_logs(source))
    assert found() == numbered(1, 2, 11, 12, 3, 13)
    assert not list((tmp_path / "out" / "_incoming").iterdir())


def test_no_room_is_said_before_anything_is_sent(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 30}))
    done = call("out")
    assert done.exit_code == 2
    assert "50 bytes do not fit; the disk has 30 bytes free" in done.stderr
    assert not (tmp_path / "out").exists()
