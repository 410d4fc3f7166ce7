"""What a run does to the target; every target goes through the same `ship`."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from script.errors import InputError, ShipError
from script.ship import Shipment, ship
from script.sources import find_logs
from script.targets import LocalTarget

ONE, TWO = b'{"user": 1}\n', b'{"user": 2}\n'


def ship_all(source: Path, target: LocalTarget, replace: bool = False) -> Shipment:
    return ship(find_logs(source), target, replace, lambda sent: None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(TWO)
    (directory / "data.json.1").write_bytes(ONE)
    return directory


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_every_file_arrives_and_nothing_hidden_remains(source: Path, tmp_path: Path) -> None:
    done = ship_all(source, LocalTarget(tmp_path / "a" / "b"))
    assert contents(tmp_path / "a" / "b") == {"data.json": TWO, "data.json.1": ONE}
    assert done == Shipment(["data.json", "data.json.1"], [], len(ONE + TWO))


def test_progress_counts_every_byte_sent(source: Path, tmp_path: Path) -> None:
    sent: list[int] = []
    ship(find_logs(source), LocalTarget(tmp_path / "out"), False, sent.append)
    assert sum(sent) == len(ONE + TWO)


def test_a_second_run_sends_nothing(source: Path, tmp_path: Path) -> None:
    ship_all(source, LocalTarget(tmp_path / "out"))
    done = ship_all(source, LocalTarget(tmp_path / "out"))
    assert done == Shipment([], ["data.json", "data.json.1"], 0)


def test_a_file_that_grew_is_brought_up_to_date(source: Path, tmp_path: Path) -> None:
    ship_all(source, LocalTarget(tmp_path / "out"))
    (source / "data.json").write_bytes(TWO + ONE)
    done = ship_all(source, LocalTarget(tmp_path / "out"))
    assert contents(tmp_path / "out") == {"data.json": TWO + ONE, "data.json.1": ONE}
    assert (done.shipped, done.unchanged) == (["data.json"], ["data.json.1"])


@pytest.mark.parametrize("now", [b'{"user": 3}\n{"user": 4}\n', TWO[:6] + b"\n"])
def test_lines_that_only_the_target_has_are_never_replaced(
    source: Path, tmp_path: Path, now: bytes
) -> None:
    ship_all(source, LocalTarget(tmp_path / "out"))
    (source / "data.json").write_bytes(now)
    (source / "data.json.9").write_bytes(ONE)
    with pytest.raises(InputError, match="would lose them"):
        ship_all(source, LocalTarget(tmp_path / "out"))
    assert contents(tmp_path / "out") == {"data.json": TWO, "data.json.1": ONE}


def test_asked_to_replace_it_does(source: Path, tmp_path: Path) -> None:
    ship_all(source, LocalTarget(tmp_path / "out"))
    (source / "data.json").write_bytes(ONE)
    ship_all(source, LocalTarget(tmp_path / "out"), replace=True)
    assert contents(tmp_path / "out") == {"data.json": ONE, "data.json.1": ONE}


class LosesTheEnd(LocalTarget):
    """A directory on a disk that drops the last byte of `data.json.1`."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        whole = b"".join(chunks)
        super().write(name, [whole[:-1] if name == ".data.json.1.part" else whole])


def test_one_file_that_arrives_wrong_leaves_every_file_as_it_was(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "data.json").write_bytes(b"old\n")
    with pytest.raises(ShipError, match=r"data\.json\.1: .*11 bytes of 12"):
        ship_all(source, LosesTheEnd(out), replace=True)
    assert (out / "data.json").read_bytes() == b"old\n"
    assert not (out / "data.json.1").exists()
