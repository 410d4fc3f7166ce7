"""The files of `botify shop features`, cut in time into parts."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.errors import InputError

FORMAT = "botify-shop-features-1"
_ARRAYS = ("features", "labels", "groups", "times", "until", "visitors", "shown")


class Part(NamedTuple):
    """Groups of candidates: rows of one group are together."""

    values: NDArray[np.float32]
    """(rows, features), NaN where unknown."""
    labels: NDArray[np.uint8]
    starts: NDArray[np.int64]
    """(groups + 1,): where each group begins, and the end."""
    visitors: NDArray[np.int64]
    """Of each group."""

    @property
    def groups(self) -> NDArray[np.int64]:
        """(rows,): the number of each row's group."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


class Parts(NamedTuple):
    """Three spans of time, one after the other."""

    train: Part
    validation: Part
    """Ends the training."""
    test: Part
    """Measured once."""
    cuts: tuple[int, int]
    """When validation and test begin, in ms."""
    crossing: int
    """Groups whose labels depend on what happened after the next cut: in no part."""


class Features(NamedTuple):
    """What the directory holds."""

    names: tuple[str, ...]
    fingerprint: str
    about: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def read_features(directory: Path) -> Features:
    """Map the files. Raises InputError for a directory that has no such files, or damaged ones."""
    path = directory / "features.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about.get("format") != FORMAT:
            raise InputError(f"{path}: its format is {about.get('format')!r}, not {FORMAT}")
        names, rows = tuple(about["names"]), about["rows"]
        arrays = {
            name: np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in _ARRAYS
        }
        fingerprint = str(about["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{directory}: not what `botify shop features` writes, or damaged ({error})"
        ) from error
    for name, array in arrays.items():
        wanted = (rows, len(names)) if name == "features" else (rows,)
        if array.shape != wanted:
            raise InputError(f"{directory}/{name}.npy: its shape is {array.shape}, not {wanted}")
    if rows and np.any(np.diff(arrays["times"]) < 0):
        raise InputError(f"{directory}/times.npy: not in order of time")
    return Features(names, fingerprint, about, arrays)


def cut_in_time(features: Features, validation: float, test: float) -> Parts:
    """Cut at two moments, so that about these shares of the groups come after them.

    A group whose labels depend on what happened after a cut is in no part. Raises InputError where
    a part would be empty.
    """
    arrays = features.arrays
    starts = _starts(arrays["groups"])
    times, until = arrays["times"][starts[:-1]], arrays["until"][starts[:-1]]
    if not len(times):
        raise InputError("the features have no group of candidates")
    ordered = np.sort(times)
    n = len(ordered)
    first = int(ordered[min(n - 1, int(n * (1 - validation - test)))])
    second = int(ordered[min(n - 1, int(n * (1 - test)))])
    masks = (
        (times < first) & (until < first),
        (times >= first) & (times < second) & (until < second),
        times >= second,
    )
    for mask, name in zip(masks, ("training", "validation", "test"), strict=True):
        if not mask.any():
            raise InputError(
                f"the {name} part has no group of candidates: {n:,} groups are too few, or the "
                "window of their labels is longer than the part"
            )
    train, valid, tested = (_part(arrays, starts, np.flatnonzero(mask)) for mask in masks)
    crossing = n - sum(int(mask.sum()) for mask in masks)
    return Parts(train, valid, tested, (first, second), crossing)


def _starts(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(groups):
        return np.zeros(1, np.int64)
    changes = np.flatnonzero(np.diff(groups)) + 1
    return np.concatenate([[0], changes, [len(groups)]]).astype(np.int64)


def _part(arrays: dict[str, NDArray[Any]], starts: NDArray[np.int64], of: Any) -> Part:
    sizes = np.diff(starts)[of]
    rows = np.concatenate([np.arange(starts[group], starts[group + 1]) for group in of])
    return Part(
        np.ascontiguousarray(arrays["features"][rows]),
        np.asarray(arrays["labels"][rows]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.asarray(arrays["visitors"][starts[of]]),
    )
