"""The split files of the LightGCN papers: `user item item ...` on each line."""

from pathlib import Path

import pyarrow as pa

from offline.datasets.dataset import Dataset
from offline.datasets.lightgcn import load_lightgcn, read_pairs
from offline.importing.source import Columns, DataFormat, File, Source, folder_of, has_files


class LightGCN(DataFormat):
    """train.txt and test.txt; the kind of an interaction is the part that it is of."""

    name = "lightgcn"
    about = "lists of the LightGCN papers: train.txt, test.txt"
    home = "splits are at https://github.com/kuandeng/LightGCN, under Data/"

    def recognises(self, source: Path) -> bool:
        return has_files(source, ["train.txt", "test.txt"])

    def open(self, source: Path, columns: Columns) -> Source:
        files = []
        for part in ("train", "test"):
            path = self.file(source, f"{part}.txt")
            pairs = read_pairs(path)
            table = pa.table({"user": pairs.users, "item": pairs.items, "line": pairs.lines})
            names = Columns(user="user", item="item")
            files.append(File(path=path, layout="table", table=table, columns=names, kind=part))
        note = "the kind of an interaction is the part of the published split that it is of"
        return Source(files=tuple(files), notes=(note,))

    def dataset(self, source: Path) -> Dataset:
        return load_lightgcn(folder_of(source))
