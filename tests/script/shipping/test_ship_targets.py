"""Targets that lose or refuse what they are given: what is not there is not taken for shipped."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from script.shipping.errors import ShipError, UnavailableError
from script.shipping.ship import Shipment, Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.local import LocalTarget
from script.shipping.transfer import Options

from .numbered_logs import lines, local_lines, numbered, parts, replace, ship


class LosesTheEnd(LocalTarget):
    """A directory on a disk that drops the last byte of what is uploaded."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        whole = b"".join(chunks)
        super().write(name, [whole[:-1] if name.startswith("_incoming") else whole])


@pytest.mark.parametrize("how", [ship, replace])
def test_what_arrives_wrong_is_not_shipped_and_replaces_nothing(
    source: Path, tmp_path: Path, how: Callable[[Path, LocalTarget], Shipment]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "data.json.old").write_bytes(b"old\n")
    expected = r"log/data\.json, .*log/data\.json\.1: .*47 instead of 48"
    with pytest.raises(ShipError, match=expected):
        how(source, LosesTheEnd(out))
    assert parts(out) == [b"old\n"]
    assert not list((out / "_incoming").iterdir())


def test_what_stays_away_is_given_up(source: Path, tmp_path: Path) -> None:
    class Away(LocalTarget):
        def write(self, name: str, chunks: Iterable[bytes]) -> None:
            raise UnavailableError(f"{name}: refused")

    waits: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("script.shipping.retry.time.sleep", waits.append)
        with pytest.raises(ShipError, match=r"data\.json.*refused"):
            ship(source, Away(tmp_path / "out"), Options(threads=1, retry_seconds=10))
    assert waits == [0.5, 1, 2, 4, 2.5]


def test_a_replacement_that_fails_leaves_nothing_behind(source: Path, tmp_path: Path) -> None:
    class Full(LocalTarget):
        def write(self, name: str, chunks: Iterable[bytes]) -> None:
            if name.startswith("_manifest") or b"9" in (whole := b"".join(chunks)):
                raise ShipError(f"{name}: is full")
            super().write(name, [whole])

    (source / "data.json.2").write_bytes(numbered(9))
    options = Options(threads=1, part_bytes=10, retry_seconds=0)
    with pytest.raises(ShipError, match="is full"):
        Shipper(Full(tmp_path / "out"), options).replace(find_logs(source))
    assert not list((tmp_path / "out" / "_incoming").iterdir())


class LosesRecords(LocalTarget):
    """A full HDFS: it takes the name of a small file, and drops what is in it."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        super().write(name, [b""] if name.startswith("_manifest") else chunks)


@pytest.mark.parametrize("how", [ship, replace])
def test_a_record_that_is_lost_is_no_record(
    source: Path, tmp_path: Path, how: Callable[[Path, LocalTarget], Shipment]
) -> None:
    ship(source, LocalTarget(tmp_path / "out"))
    (source / "data.json").write_bytes(numbered(3, 4, 5))
    with pytest.raises(ShipError, match=r"_manifest/.* \(0 instead of "):
        how(source, LosesRecords(tmp_path / "out"))
    ship(source, LocalTarget(tmp_path / "out"))
    assert lines(tmp_path / "out") == local_lines(source)


def test_a_request_that_is_late_makes_no_record(source: Path, tmp_path: Path) -> None:
    class Late(LocalTarget):
        def rename(self, old: str, new: str) -> None:
            if new.startswith("_manifest"):
                late.append((old, new))
                raise UnavailableError(f"{new}: no answer")
            super().rename(old, new)

    late: list[tuple[str, str]] = []
    target = LocalTarget(tmp_path / "out")
    with pytest.raises(ShipError, match="no answer"):
        ship(source, Late(tmp_path / "out"))
    ship(source, target)
    with pytest.raises(FileNotFoundError):
        target.rename(*late[0])
    ship(source, target)
    assert lines(tmp_path / "out") == local_lines(source)
