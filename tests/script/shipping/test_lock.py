"""The lock of a target: in a directory where anybody may have put anything."""

import os
from pathlib import Path

import pytest

from script.shipping.errors import InputError
from script.shipping.lock import exclusive_lock
from script.shipping.targets.local import LocalTarget


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared temporary directory, and no directory of the user's own."""
    shared = tmp_path / "tmp"
    shared.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    return shared


@pytest.fixture
def target(tmp_path: Path) -> LocalTarget:
    return LocalTarget(tmp_path / "out")


def lock_file(place: Path, target: LocalTarget) -> Path:
    with exclusive_lock(target):
        [path] = place.iterdir()
    return path


def test_a_link_is_not_followed(places: Path, tmp_path: Path, target: LocalTarget) -> None:
    path = lock_file(places, target)
    path.unlink()
    precious = tmp_path / "precious"
    precious.write_bytes(b"do not lose this")
    path.symlink_to(precious)
    with (
        pytest.raises(InputError, match=r"cannot be used as a lock file.*TMPDIR"),
        exclusive_lock(target),
    ):
        pass
    assert precious.read_bytes() == b"do not lose this"


def test_a_link_makes_no_file(places: Path, tmp_path: Path, target: LocalTarget) -> None:
    path = lock_file(places, target)
    path.unlink()
    path.symlink_to(tmp_path / "new")
    with pytest.raises(InputError), exclusive_lock(target):
        pass
    assert not (tmp_path / "new").exists()


def test_a_hard_link_is_not_written_to(places: Path, tmp_path: Path, target: LocalTarget) -> None:
    path = lock_file(places, target)
    path.unlink()
    precious = tmp_path / "precious"
    precious.write_bytes(b"")
    os.link(precious, path)
    with pytest.raises(InputError), exclusive_lock(target):
        pass
    assert precious.read_bytes() == b""


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file(places: Path, target: LocalTarget, make: type) -> None:
    path = lock_file(places, target)
    path.unlink()
    make(path)
    with pytest.raises(InputError, match="cannot be used as a lock file"), exclusive_lock(target):
        pass


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_a_file_of_another_user(places: Path, target: LocalTarget) -> None:
    path = lock_file(places, target)
    os.chown(path, 12345, 12345)
    with (
        pytest.raises(InputError, match="not a regular file owned by this"),
        exclusive_lock(target),
    ):
        pass


def test_with_a_directory_of_ones_own_nobody_can_stand_in_the_way(
    places: Path, tmp_path: Path, target: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lock_file(places, target)
    path.unlink()
    path.symlink_to(tmp_path / "new")
    own = tmp_path / "run"
    own.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    with (
        exclusive_lock(target),
        pytest.raises(InputError, match="another process is shipping"),
        exclusive_lock(target),
    ):
        assert len(list(own.iterdir())) == 1


def test_a_run_of_cron_and_one_of_a_session_do_not_meet(
    tmp_path: Path, target: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "run"
    own.mkdir(mode=0o700)
    with exclusive_lock(target):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
        with (
            pytest.raises(InputError, match="another process is shipping"),
            exclusive_lock(target),
        ):
            pass


def test_a_directory_that_others_may_write_to_is_not_ones_own(
    places: Path, tmp_path: Path, target: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "run"
    own.mkdir()
    own.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    lock_file(places, target)
    assert not list(own.iterdir())


def test_the_holder_has_one_name_from_run_to_run(
    tmp_path: Path, target: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exclusive_lock(target) as first:
        pass
    own = tmp_path / "run"
    own.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    with (
        exclusive_lock(target) as second,
        exclusive_lock(LocalTarget(tmp_path / "other")) as other,
    ):
        assert first == second != other
