"""The split files of the LightGCN papers: `user item item ...` on each line."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from offline.datasets.dataset import Dataset
from offline.datasets.lightgcn import load_lightgcn, read_pairs
from offline.errors import InputError
from offline.importing.source import Columns, DataFormat, File, Source, folder_of, has_files


class LightGCN(DataFormat):
    """train.txt and test.txt; the kind of an interaction is the part that it is of.

    Where there are user_list.txt and item_list.txt, ids are the original ones in them.
    """

    name = "lightgcn"
    about = "lists of the LightGCN papers: train.txt, test.txt; user_list.txt, item_list.txt"
    home = "splits are at https://github.com/kuandeng/LightGCN, under Data/"

    def recognises(self, source: Path) -> bool:
        return has_files(source, ["train.txt", "test.txt"])

    def open(self, source: Path, columns: Columns) -> Source:
        files = []
        owners = {
            role: _owners(folder_of(source) / f"{role}_list.txt") for role in ("user", "item")
        }
        for part in ("train", "test"):
            path = self.file(source, f"{part}.txt")
            pairs = read_pairs(path)
            ids = {"user": pairs.users, "item": pairs.items}
            shown = {
                role: _named(numbers, owners[role], role, path) for role, numbers in ids.items()
            }
            table = pa.table({**shown, "line": pairs.lines})
            names = Columns(user="user", item="item")
            files.append(File(path=path, layout="table", table=table, columns=names, kind=part))
        note = "the kind of an interaction is the part of the published split that it is of"
        told = [
            f"ids of {role}s are the original ones of {role}_list.txt"
            for role, found in owners.items()
            if found is not None
        ]
        return Source(files=tuple(files), notes=(note, *told))

    def dataset(self, source: Path) -> Dataset:
        return load_lightgcn(folder_of(source))


def _owners(path: Path) -> dict[int, str] | None:
    """The original id of each number, of a file of `org_id remap_id`; None: there is no such file.

    Raises InputError, with the line, for one that has no number, or a number twice.
    """
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    header = lines[0].split() if lines else []
    if header[:2] != ["org_id", "remap_id"]:
        raise InputError(f"{path}: its first line must begin with `org_id remap_id`")
    found: dict[int, str] = {}
    for place, line in enumerate(lines[1:], 2):
        words = line.split()
        if not words:
            continue
        if len(words) < 2 or not words[1].isdecimal():
            raise InputError(f"{path}:{place}: {line[:40]!r} is not `org_id remap_id`")
        number = int(words[1])
        if number in found:
            raise InputError(f"{path}:{place}: number {number} is there twice")
        found[number] = words[0]
    if len({*found.values()}) < len(found):
        raise InputError(f"{path}: an original id has several numbers, which would become one")
    return found


def _named(
    numbers: NDArray[np.int64], owners: dict[int, str] | None, role: str, path: Path
) -> NDArray[Any]:
    """The original ids of these numbers. Raises InputError for one without."""
    if owners is None:
        return numbers
    there, places = np.unique(numbers, return_inverse=True)
    missing = [number for number in there.tolist() if number not in owners]
    if missing:
        raise InputError(
            f"{path}: {role} {missing[0]} is not in {role}_list.txt: mend that file, or take it "
            "away to keep the numbers"
        )
    found = [owners[number] for number in there.tolist()]
    if all(word.isdecimal() and str(int(word)) == word and len(word) < 19 for word in found):
        return np.array([int(word) for word in found], dtype=np.int64)[places]
    return np.array(found, dtype=object)[places]
