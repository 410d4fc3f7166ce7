"""Users' likes as two arrays, in memory or mapped from disk."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from offline.errors import InputError, check_regular

INDPTR, INDICES, SIZES = "indptr.npy", "indices.npy", "about.json"

_Ints = npt.NDArray[np.int64] | npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class InteractionMatrix:
    """A binary user × track matrix in CSR form: user u has `indices[indptr[u]:indptr[u + 1]]`.

    The arrays may be mapped from files; rows are read when they are asked for.

    Examples
    --------
    >>> from scipy import sparse
    >>> from offline import InteractionMatrix
    >>> matrix = InteractionMatrix.of(sparse.csr_matrix([[1, 0, 1], [0, 1, 0]]))
    >>> len(matrix), matrix.n_tracks, matrix.sizes
    (2, 3, array([2, 1]))
    """

    indptr: _Ints
    indices: _Ints
    n_tracks: int
    left_out: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Sorted positions in `indices` that are skipped, as they are held out of training."""

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def of(cls, matrix: sparse.csr_matrix) -> Self:
        """The entries of a matrix; its values are taken to be 1."""
        return cls(matrix.indptr, matrix.indices, matrix.shape[1])

    @classmethod
    def open(cls, directory: Path, n_tracks: int | None = None) -> Self:
        """Map a directory of `indptr.npy`, `indices.npy`, `about.json` {"n_users", "n_items"}.

        Every entry is read once, to check it. Raises InputError where a file is missing or
        damaged, sizes do not fit each other or, where given, `n_tracks`, and where an id is out
        of range or stands twice in a row.
        """
        for name in (SIZES, INDPTR, INDICES):
            check_regular(directory / name)
        try:
            about = json.loads((directory / SIZES).read_text())
            n_users, n_items = int(about["n_users"]), int(about["n_items"])
            arrays = [np.load(directory / name, mmap_mode="r") for name in (INDPTR, INDICES)]
            for name, array in zip((INDPTR, INDICES), arrays, strict=True):
                if array.ndim != 1 or array.dtype.kind != "i":
                    raise ValueError(f"{name} is not a one-dimensional array of integers")
        except (OSError, EOFError, ValueError, TypeError, KeyError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{directory}: no arrays to train on ({reason})") from None
        if n_tracks is not None and n_tracks != n_items:
            raise InputError(f"{directory} has {n_items} tracks, but the catalog has {n_tracks}")
        found = cls(arrays[0], arrays[1], n_items)
        _check(found, n_users, directory)
        return found

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Tracks of each user, less those left out."""
        sizes: npt.NDArray[np.int64] = np.diff(self.indptr).astype(np.int64)
        if len(self.left_out):
            np.subtract.at(sizes, self.users_of(self.left_out), 1)
        return sizes

    def users_of(self, entries: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The user of each place in `indices`."""
        return np.searchsorted(self.indptr, entries, side="right") - 1

    def without(self, entries: npt.NDArray[np.int64]) -> Self:
        """The same, with sorted places in `indices` left out."""
        return replace(self, left_out=entries)

    def take(self, rows: npt.NDArray[np.int64]) -> sparse.csr_matrix[np.float32]:
        """Some users' rows, shape (len(rows), n_tracks)."""
        starts = np.asarray(self.indptr[rows], dtype=np.int64)
        counts = np.asarray(self.indptr[rows + 1], dtype=np.int64) - starts
        bounds = np.concatenate([[0], np.cumsum(counts)])
        entries = np.arange(bounds[-1]) + np.repeat(starts - bounds[:-1], counts)
        tracks = self.indices[entries]
        if len(self.left_out):
            place = np.searchsorted(self.left_out, entries)
            place[place == len(self.left_out)] = 0
            keep = self.left_out[place] != entries
            tracks = tracks[keep]
            bounds = np.concatenate([[0], np.cumsum(keep)])[bounds]
        ones = np.ones(len(tracks), dtype=np.float32)
        return sparse.csr_matrix((ones, tracks, bounds), shape=(len(rows), self.n_tracks))

    def popularity(self) -> npt.NDArray[np.int64]:
        """Users of each track, those left out included."""
        counts = np.zeros(self.n_tracks, dtype=np.int64)
        for at in range(0, len(self.indices), 2**22):
            counts += np.bincount(self.indices[at : at + 2**22], minlength=self.n_tracks)
        return counts

    def fingerprint(self) -> str:
        """SHA-256 of the entries: the same data has the same."""
        digest = hashlib.sha256(str(self.n_tracks).encode())
        for array in (self.indptr, self.indices):
            for at in range(0, len(array), 2**22):
                digest.update(np.ascontiguousarray(array[at : at + 2**22], dtype=np.int64).data)
        return digest.hexdigest()


def _check(found: InteractionMatrix, n_users: int, directory: Path) -> None:
    bounds, entries = found.indptr, len(found.indices)
    if len(bounds) != n_users + 1 or bounds[0] != 0 or bounds[-1] != entries:
        raise InputError(
            f"{directory}: {SIZES} says {n_users} users and {INDICES} has {entries} entries, so "
            f"{INDPTR} must have {n_users + 1} bounds, 0 to {entries}; it has {len(bounds)}: "
            "make it again"
        )
    if (np.diff(found.indptr) < 0).any():
        raise InputError(f"{directory}: {INDPTR} must not decrease: make it again")
    for at in range(0, len(found), 2**16):
        rows = slice(at, min(at + 2**16, len(found)))
        few = np.asarray(found.indptr[rows.start : rows.stop + 1], dtype=np.int64)
        tracks = np.asarray(found.indices[few[0] : few[-1]], dtype=np.int64)
        if not len(tracks):
            continue
        if tracks.min() < 0 or tracks.max() >= found.n_tracks:
            wrong = tracks.min() if tracks.min() < 0 else tracks.max()
            raise InputError(
                f"{directory}: {INDICES} has item {wrong}, but items are 0 to {found.n_tracks - 1}"
            )
        users = np.repeat(np.arange(rows.start, rows.stop), np.diff(few))
        pairs = np.sort(users * found.n_tracks + tracks)
        if (pairs[1:] == pairs[:-1]).any():
            user, track = divmod(int(pairs[1:][pairs[1:] == pairs[:-1]][0]), found.n_tracks)
            raise InputError(f"{directory}: user {user} has item {track} twice")
