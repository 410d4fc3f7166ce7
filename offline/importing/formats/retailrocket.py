"""RetailRocket: the events of visitors of an online shop."""

from pathlib import Path

from offline.importing.clean_text import head_of
from offline.importing.formats.retailrocket_items import item_table
from offline.importing.source import Columns, DataFormat, File, Source, has_files


class RetailRocket(DataFormat):
    """events.csv: view, addtocart and transaction of visitors; and what is known of the items."""

    name = "retailrocket"
    about = "RetailRocket: events.csv, item_properties_part1.csv, category_tree.csv"
    all_properties: bool | None = False
    home = "get it at https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset"

    def recognises(self, source: Path) -> bool:
        if not has_files(source, ["events.csv"]):
            return False
        path = source / "events.csv" if source.is_dir() else source
        return "visitorid" in "".join(head_of(path, 1 << 12).splitlines()[:1])

    def open(self, source: Path, columns: Columns) -> Source:
        names = Columns(user="visitorid", item="itemid", time="timestamp", kind="event")
        events = self.file(source, "events.csv")
        properties = sorted(events.parent.glob("item_properties*.csv"))
        tree = events.with_name("category_tree.csv")
        items: File | None = None
        notes: list[str] = []
        if properties:
            known = tree if tree.is_file() else None
            table, notes = item_table(properties, known, events, bool(self.all_properties))
            about = Columns(item="item")
            items = File(path=properties[0], layout="table", table=table, columns=about)
        elif tree.is_file():
            notes = ["category_tree.csv is not used: without item properties no item is in it"]
        return Source(files=(File(path=events, columns=names),), items=items, notes=tuple(notes))
