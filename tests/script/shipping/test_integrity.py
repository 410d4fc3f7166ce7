"""A target that lost what was shipped, or was changed by somebody: it is named, and sent again."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from script.dataclient import main
from script.shipping.checksums import Digest
from script.shipping.errors import InputError, IntegrityError, ShipError
from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.base import Seal
from script.shipping.targets.local import LocalTarget
from script.shipping.transfer import Options

from .numbered_logs import lines, local_lines, numbered, ship

GROUPED = Options(threads=1, retry_seconds=0, by_recommender=True)
FLAT = Options(threads=1, retry_seconds=0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(numbered(1, 2, 3))
    return directory


@pytest.fixture
def out(source: Path, tmp_path: Path) -> Path:
    """A target with two parts."""
    target = tmp_path / "out"
    ship(source, LocalTarget(target))
    (source / "data.json").write_bytes(numbered(1, 2, 3, 4, 5))
    ship(source, LocalTarget(target))
    assert len(list(target.glob("data.json.*"))) == 2
    return target


def first_part(out: Path) -> Path:
    return min(out.glob("data.json.*"), key=lambda path: -path.stat().st_size)


def delete(out: Path) -> None:
    first_part(out).unlink()


def cut(out: Path) -> None:
    os.truncate(first_part(out), 5)


def grow(out: Path) -> None:
    with first_part(out).open("ab") as file:
        file.write(b"more\n")


def change(out: Path) -> None:
    part = first_part(out)
    time.sleep(0.002)  # the clock of a file has ticks
    part.write_bytes(numbered(7, 8, 9))


def rename(out: Path) -> None:
    part = first_part(out)
    part.rename(part.with_name("moved"))


def delete_all(out: Path) -> None:
    for part in out.glob("data.json.*"):
        part.unlink()


HARM = [delete, cut, grow, change, rename, delete_all]


@pytest.mark.parametrize("harm", HARM)
def test_what_is_not_there_any_more_is_named_and_sent_again(
    source: Path, out: Path, harm: Callable[[Path], None]
) -> None:
    name = first_part(out).name
    harm(out)
    (source / "data.json.1").write_bytes(numbered(9))
    target = LocalTarget(out)
    for _ in range(2):
        with pytest.raises(
            IntegrityError, match=rf"{name} (is missing|has |holds ).*; use --resend"
        ):
            ship(source, target)
    done = Shipper(target, FLAT).ship(find_logs(source), resends=True)
    assert name in done.resent
    assert done.parts > len(done.resent)  # and the new lines
    moved = out / "moved"
    if moved.exists():
        moved.unlink()
    assert lines(out) == local_lines(source)
    assert ship(source, target).parts == 0


@pytest.mark.parametrize("harm", HARM)
def test_a_run_that_goes_on_sees_it_too(
    source: Path, out: Path, harm: Callable[[Path], None]
) -> None:
    shipper = Shipper(LocalTarget(out), FLAT)
    shipper.ship(find_logs(source))
    name = first_part(out).name
    harm(out)
    for _ in range(2):
        with pytest.raises(IntegrityError, match=name):
            shipper.ship(find_logs(source))
    shipper.ship(find_logs(source), resends=True)
    shipper.ship(find_logs(source))


def test_a_target_that_was_renamed_while_a_run_goes_on(source: Path, out: Path) -> None:
    shipper = Shipper(LocalTarget(out), FLAT)
    shipper.ship(find_logs(source))
    away = out.with_name("away")
    out.rename(away)
    (source / "data.json").write_bytes(numbered(1, 2, 3, 4, 5, 6))
    for _ in range(3):
        with pytest.raises(IntegrityError, match="is missing"):
            shipper.ship(find_logs(source))
    assert not list(out.glob("data.json*"))
    if out.exists():
        shutil.rmtree(out)
    away.rename(out)
    shipper.ship(find_logs(source))
    assert lines(out) == local_lines(source)


def test_a_target_that_was_renamed_is_filled_again(source: Path, out: Path) -> None:
    shipper = Shipper(LocalTarget(out), FLAT)
    shipper.ship(find_logs(source))
    out.rename(out.with_name("away"))
    shipper.ship(find_logs(source), resends=True)
    assert lines(out) == local_lines(source)
    assert ship(source, LocalTarget(out)).parts == 0


def test_a_record_that_is_removed_while_a_run_goes_on_is_written_again(
    source: Path, out: Path
) -> None:
    shipper = Shipper(LocalTarget(out), FLAT)
    shipper.ship(find_logs(source))
    shutil.rmtree(out / "_manifest")
    shipper.ship(find_logs(source))
    assert ship(source, LocalTarget(out)).parts == 0
    assert lines(out) == local_lines(source)


def test_parts_that_no_record_tells_of_are_not_sent_twice(source: Path, out: Path) -> None:
    shutil.rmtree(out / "_manifest")
    with pytest.raises(InputError, match=rf"{first_part(out).name}.*no record"):
        ship(source, LocalTarget(out))
    assert lines(out) == local_lines(source)


def test_lines_that_no_log_has_any_more_are_named(source: Path, out: Path) -> None:
    delete(out)
    (source / "data.json").write_bytes(numbered(8))
    target = LocalTarget(out)
    for _ in range(2):
        with pytest.raises(
            IntegrityError, match=r"no log here still has .*data\.json \(bytes 0 to 36\)"
        ):
            Shipper(target, FLAT).ship(find_logs(source), resends=True)


def test_a_part_that_somebody_changed_is_kept_aside(source: Path, out: Path) -> None:
    change(out)
    Shipper(LocalTarget(out), FLAT).ship(find_logs(source), resends=True)
    [aside] = (out / "_replaced").iterdir()
    assert aside.read_bytes() == numbered(7, 8, 9)


def test_a_part_of_parquet_of_which_one_day_is_gone(source: Path, tmp_path: Path) -> None:
    day = 86_400_000
    event = {"message": "last", "user": 1, "track": 2, "time": 1.0, "experiments": {}}
    events = [event | {"timestamp": at} for at in (day, 2 * day)]
    (source / "data.json").write_text("".join(json.dumps(some) + "\n" for some in events))
    target = LocalTarget(tmp_path / "out")
    options = Options(threads=1, retry_seconds=0, format="parquet")
    Shipper(target, options).ship(find_logs(source))
    [gone] = (tmp_path / "out").glob("dt=1970-01-02/*")
    gone.unlink()
    with pytest.raises(IntegrityError, match=r"dt=1970-01-02/.* is missing"):
        Shipper(target, options).ship(find_logs(source))
    Shipper(target, options).ship(find_logs(source), resends=True)
    assert len(list((tmp_path / "out").glob("dt=*/*.parquet"))) == 2
    assert Shipper(target, options).ship(find_logs(source)).parts == 0


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: os.truncate(path, 3)])
def test_a_file_of_a_recommender_is_made_again(
    source: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    target = LocalTarget(tmp_path / "out")
    for count in (3, 4, 5):
        (source / "data.json").write_bytes(numbered(*range(count)))
        Shipper(target, GROUPED).ship(find_logs(source))
    file = tmp_path / "out" / "botify-recommender-1" / "data.json"
    assert file.read_bytes() == numbered(*range(5))
    spoil(file)
    with pytest.raises(
        IntegrityError, match=r"botify-recommender-1/data\.json (is missing|has 3)"
    ):
        Shipper(target, GROUPED).ship(find_logs(source))
    Shipper(target, GROUPED).ship(find_logs(source), resends=True)
    assert file.read_bytes() == numbered(*range(5))
    assert Shipper(target, GROUPED).ship(find_logs(source)).parts == 0


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["log2local", "--retry-for", "0", *arguments])


def test_nothing_is_marked_that_is_not_seen_at_the_target(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    assert call("--flat", "--mark-shipped", "out").exit_code == 0
    marker = source / ".data.json.shipped"
    assert marker.exists()
    name = first_part(out).name
    delete(out)
    done = call("--flat", "--mark-shipped", "out")
    assert done.exit_code == 1
    assert f"{name} is missing; use --resend" in done.stderr.splitlines()[-1]
    assert "no longer marked as shipped: data.json" in done.stderr
    assert not marker.exists()
    done = call("--flat", "--mark-shipped", "--resend", "out")
    assert done.exit_code == 0
    assert f"sent again, because they were missing at the target: {name}" in done.stderr
    assert marker.read_text() == str(len(numbered(1, 2, 3, 4, 5)))


def test_what_goes_while_it_is_shipped_is_not_marked(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    rename_of = LocalTarget.rename

    def renamed(self: LocalTarget, old: str, new: str) -> None:
        rename_of(self, old, new)
        if new.startswith("data.json"):  # as soon as it is there, somebody takes it away
            (tmp_path / "out" / new).unlink()

    monkeypatch.setattr(LocalTarget, "rename", renamed)
    assert call("--flat", "--mark-shipped", "out").exit_code == 1
    assert not (source / ".data.json.shipped").exists()


def test_an_upload_that_was_killed_is_removed_at_once_and_those_of_others_wait(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = tmp_path / "out" / "_incoming"
    incoming.mkdir(parents=True)
    for name in ("ours.part", "theirs.part"):
        (incoming / name).write_bytes(b'{"us')
    Shipper(LocalTarget(tmp_path / "out"), FLAT, owner="ours").ship(find_logs(source))
    assert [path.name for path in incoming.iterdir()] == ["theirs.part"]


def test_a_target_that_is_put_in_the_place_of_an_empty_one_while_lines_are_sent(
    source: Path, out: Path
) -> None:
    away = out.with_name("away")
    out.rename(away)

    (source / "data.json").write_bytes(numbered(1, 2, 3, 4, 5, 6))
    with pytest.raises(ShipError, match="record changed while lines were sent"):
        Shipper(Swapped(out, away), FLAT).ship(find_logs(source))
    ship(source, LocalTarget(out))
    assert lines(out) == local_lines(source)


class Swapped(LocalTarget):
    """An empty directory, which is another one as soon as what was sent is verified."""

    def __init__(self, directory: Path, other: Path) -> None:
        super().__init__(directory)
        self.place_of, self.other = directory, other

    def verify(self, name: str, sent: Digest) -> Seal:
        seal = super().verify(name, sent)
        if self.other.exists():
            shutil.rmtree(self.place_of)
            self.other.rename(self.place_of)
        return seal
