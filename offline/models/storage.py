"""A model as a directory: what it is, its numbers, and the histories it ranks by.

`artefact.json` says the model's name, version, config and the fingerprint of its data, and holds
the SHA-256 of the other files and its own. Numbers are npy or safetensors, ids are Parquet:
nothing in it is code.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError

from offline.atomic import new_directory
from offline.checksums import BLANK, KEY, check_seal, check_sum, seal, sum_of
from offline.data.ids import Ids
from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet
from offline.errors import InputError

ARTEFACT = "artefact.json"
FILE_SUMS = "files"
"""In `ARTEFACT`: the SHA-256 of the files of numbers and ids, by name."""
HISTORIES, TIMESTAMPS = ("histories.indptr", "histories.indices"), "histories.timestamps"
VALUES = "histories.values"
USERS, ITEMS = "users.parquet", "items.parquet"
_NUMBERS = (".npy", ".parquet", ".safetensors")
_BLOCK = 2**24

Arrays = Mapping[str, NDArray[Any]]


def write(directory: Path, about: Mapping[str, Any], fill: Callable[[Path], object]) -> None:
    """Make a model directory, whole or not at all, from what `fill` writes into a new one.

    Raises InputError where the directory holds something else, or cannot be written.
    """
    try:
        with new_directory(directory, ARTEFACT) as new:
            fill(new)
            files = sorted(path for path in new.iterdir() if path.suffix in _NUMBERS)
            for path in files:
                path.chmod(0o644)  # another user may run the export
            sums = {path.name: sum_of(path) for path in files}
            whole = {**about, FILE_SUMS: sums, KEY: BLANK}
            (new / ARTEFACT).write_text(json.dumps(whole, indent=2) + "\n")
            seal(new / ARTEFACT)
    except (OSError, SafetensorError, pa.ArrowException) as error:
        raise InputError(f"cannot write the model to {directory}: {error}") from error


def read_about(directory: Path) -> dict[str, Any]:
    """What `artefact.json` says, its own sum and the files' checked.

    Raises InputError where there is no model, and ValueError for a damaged one.
    """
    path = directory / ARTEFACT
    if not path.is_file():
        raise InputError(
            f"{directory}: no model there: make one with `botify-offline train --out {directory}`"
        )
    try:
        about = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if not isinstance(about, dict) or not isinstance(about.get(FILE_SUMS), dict):
        raise ValueError(f"{path.name}: not what a model says of itself")
    check_seal(path, about.get(KEY))
    for name, digest in about[FILE_SUMS].items():
        check_sum(directory / name, digest)
    return about


def damaged(directory: Path, error: Exception) -> InputError:
    """The error for a directory that cannot be read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{directory}: the model cannot be read ({reason}): train again")


def write_arrays(directory: Path, arrays: Arrays) -> None:
    """Each as NAME.npy."""
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array, allow_pickle=False)


def read_arrays(directory: Path, files: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """All that `write_arrays` wrote, but for the histories; ValueError where one is not finite."""
    names = [name.removesuffix(".npy") for name in files if name.endswith(".npy")]
    found = {
        name: np.load(directory / f"{name}.npy", allow_pickle=False)
        for name in names
        if name not in (*HISTORIES, TIMESTAMPS, VALUES)
    }
    for name, array in found.items():
        check_finite(name, array)
    return found


def check_finite(name: str, array: NDArray[Any]) -> None:
    """Raises ValueError where a number is NaN or infinite."""
    if array.dtype.kind != "f":
        return
    flat = array.reshape(-1)
    for at in range(0, len(flat), _BLOCK):
        if not np.isfinite(flat[at : at + _BLOCK]).all():
            raise ValueError(f"{name} has weights that are NaN or infinite")


def write_histories(directory: Path, data: TrainingSet) -> None:
    """What users liked, and the ids of users and items, with titles where they are known."""
    histories = data.histories
    arrays = dict(zip(HISTORIES, (histories.indptr, histories.indices), strict=True))
    write_arrays(directory, arrays)
    if data.timestamps is not None:
        write_arrays(directory, {TIMESTAMPS: data.timestamps})
    if data.values is not None:
        write_arrays(directory, {VALUES: data.values})
    n_items = data.histories.n_tracks
    items = np.arange(n_items) if data.items is None else data.items.array
    titles = pa.nulls(n_items, pa.string())
    if data.titles is not None:  # a music catalog may have more tracks than were collected with
        titles = pa.concat_arrays([data.titles, titles[len(data.titles) :]])
    pq.write_table(pa.table({"id": data.users}), directory / USERS)
    pq.write_table(pa.table({"id": items, "title": titles}), directory / ITEMS)


def read_histories(directory: Path, about: Mapping[str, Any]) -> TrainingSet:
    """What `write_histories` wrote, mapped from the files."""

    def mapped(name: str) -> NDArray[Any]:
        found: NDArray[Any] = np.load(directory / f"{name}.npy", mmap_mode="r")
        return found

    users = pq.read_table(directory / USERS)["id"].to_numpy()
    items = pq.read_table(directory / ITEMS)
    titles = items["title"].combine_chunks()
    indptr, indices = map(mapped, HISTORIES)
    histories = InteractionMatrix(indptr, indices, int(about["items"]))
    if len(users) != len(histories):
        raise ValueError(f"{len(users)} users, but {len(histories)} histories")
    if len(items) != histories.n_tracks:
        raise ValueError(f"{len(items)} items, but histories of {histories.n_tracks}")
    there = about[FILE_SUMS]
    times = mapped(TIMESTAMPS) if f"{TIMESTAMPS}.npy" in there else None
    values = mapped(VALUES) if f"{VALUES}.npy" in there else None
    for name, array in ((TIMESTAMPS, times), (VALUES, values)):
        if array is not None and len(array) != len(indices):
            raise ValueError(f"{len(array)} {name}, but {len(indices)} entries")
    return TrainingSet(
        histories,
        users,
        users,
        str(about["fingerprint"]),
        about.get("threshold"),
        timestamps=times,
        items=Ids(items["id"]) if about["owner_ids"] else None,
        titles=None if titles.null_count == len(titles) else titles,
        values=values,
    )
