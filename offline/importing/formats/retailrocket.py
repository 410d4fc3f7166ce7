"""RetailRocket: the events of visitors of an online shop."""

from pathlib import Path

from offline.importing.clean_text import head_of
from offline.importing.source import Columns, DataFormat, File, Source, has_files


class RetailRocket(DataFormat):
    """events.csv: view, addtocart and transaction of visitors."""

    name = "retailrocket"
    about = "RetailRocket: events.csv"
    home = "get it at https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset"

    def recognises(self, source: Path) -> bool:
        if not has_files(source, ["events.csv"]):
            return False
        path = source / "events.csv" if source.is_dir() else source
        return "visitorid" in "".join(head_of(path, 1 << 12).splitlines()[:1])

    def open(self, source: Path, columns: Columns) -> Source:
        names = Columns(user="visitorid", item="itemid", time="timestamp", kind="event")
        return Source(files=(File(path=self.file(source, "events.csv"), columns=names),))
