"""Factors in a directory: needs nothing else."""

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from contract.errors import FormatError
from contract.factor_stores import ITEMS, MANIFEST, USERS, StoreUrl
from contract.factors import VERSION, Manifest, decode_manifest, encode_manifest
from offline.atomic import write_atomic
from offline.factors.lease import wait_for
from offline.factors.store import FactorStore, ItemContent, Records, check_count

_USERS_SUFFIX = ".sqlite"


class FileStore(FactorStore):
    """A file of users and a directory of items for each version, each whole or not there."""

    failures = (OSError, sqlite3.Error, FormatError)

    def __init__(self, url: StoreUrl) -> None:
        super().__init__(url)
        self._root = Path(url.url)

    def versions(self, side: str) -> dict[str, int]:
        """By the names in the directory."""
        found = {}
        for path in self._paths(side):
            version = path.name.removesuffix(_USERS_SUFFIX)
            if VERSION.fullmatch(version):
                found[version] = _count(path, side)
        return found

    def leftovers(self, side: str) -> list[str]:
        """Names that begin with a dot: they were not finished."""
        return [path.name for path in self._paths(side) if path.name.startswith(".")]

    def put_users(self, manifest: Manifest, records: Records) -> None:
        """A database of SQLite, moved to its place once it is on the disk."""
        with self._new(USERS, manifest.version) as new:
            with closing(sqlite3.connect(new)) as base:
                base.execute("PRAGMA journal_mode = OFF")
                base.execute("PRAGMA synchronous = OFF")
                base.execute("CREATE TABLE users (user TEXT PRIMARY KEY, record BLOB NOT NULL)")
                for some in records:
                    base.executemany("INSERT INTO users VALUES (?, ?)", some)
                (found,) = base.execute("SELECT count(*) FROM users").fetchone()
                check_count(self, USERS, found, manifest.users)
                base.execute(f"PRAGMA user_version = {found}")
                base.commit()
            _to_disk(new)

    def put_items(self, content: ItemContent) -> None:
        """A directory of the blobs, moved to its place once it is on the disk."""
        with self._new(ITEMS, content.manifest.version) as new:
            new.mkdir()
            for name, blob in content.blobs:
                write_atomic(new / name, blob)
            write_atomic(new / f"{MANIFEST}.json", encode_manifest(content.manifest))
            new.chmod(0o755)

    def drop(self, side: str, version: str) -> None:
        """Readers that have a file open keep it."""
        path = self._path(side, version)
        if path.is_dir():
            aside = path.with_name(f".{path.name.lstrip('.')}-old")
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
            shutil.rmtree(aside)
        else:
            path.unlink(missing_ok=True)

    def active(self) -> bytes | None:
        """The file active.json."""
        try:
            return (self._root / "active.json").read_bytes()
        except FileNotFoundError:
            return None

    def set_active(self, active: bytes) -> None:
        """A new file takes the place of the old one."""
        write_atomic(self._root / "active.json", active)
        _to_disk(self._root)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """By flock, which ends with the process."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ".lock").open("a") as file:
            wait_for(self.url.shown, lambda: _taken(file.fileno()))
            yield

    def close(self) -> None:
        """Nothing is open."""

    def _paths(self, side: str) -> list[Path]:
        place = self._root / side
        return sorted(place.iterdir()) if place.is_dir() else []

    def _path(self, side: str, version: str) -> Path:
        suffix = _USERS_SUFFIX if side == USERS and not version.startswith(".") else ""
        return self._root / side / f"{version}{suffix}"

    @contextmanager
    def _new(self, side: str, version: str) -> Iterator[Path]:
        """A place to write to, which then becomes that of the version."""
        place = self._path(side, version)
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{version}-", dir=place.parent))
        try:
            yield aside / "new"
            (aside / "new").rename(place)
            _to_disk(place.parent)
        finally:
            shutil.rmtree(aside)


def _count(path: Path, side: str) -> int:
    if side == ITEMS:
        return decode_manifest((path / f"{MANIFEST}.json").read_bytes()).items
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        (count,) = base.execute("PRAGMA user_version").fetchone()
        return int(count)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
