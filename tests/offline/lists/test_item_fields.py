"""Fields of items.json that the service counts with."""

import json

import pyarrow as pa

from offline.lists.files import item_lines


def test_imported_text_becomes_what_the_service_counts_with() -> None:
    table = pa.table(
        {
            "id": ["a", "b", "c"],
            "title": ["7", "8", "9"],
            "price": ["8.48", "nan", "on request"],
            "available": ["false", "1", None],
            "hidden": ["TRUE", "0", "perhaps"],
        }
    )
    assert [json.loads(line) for line in item_lines(table)] == [
        {"item": "a", "title": "7", "price": 8.48, "available": False, "hidden": True},
        {"item": "b", "title": "8", "price": None, "available": True, "hidden": False},
        {"item": "c", "title": "9", "price": "on request", "available": None, "hidden": "perhaps"},
    ]
