"""`import --events`: the events of a shop from before, as lines of the service's event log."""

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contract.schema import json_schema
from offline.errors import InputError
from offline.importing.history import write_history

RETAILROCKET = """timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,355908,
1433224214164,992329,transaction,248676,4000.0
1433221332117,257597,view,355908,
1433221999827,111016,addtocart,318965,
"""
REES46 = """event_time,event_type,product_id,category_id,category_code,brand,price,user_id,\
user_session
2019-10-01 00:00:01 UTC,cart,3900821,2053013552326770905,appliances,aqua,33.20,554748717,9333dfbd
2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde
2019-10-01 00:00:02 UTC,remove_from_cart,3900821,1,,,-1.5,554748717,9333dfbd
"""


def lines(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    for line in found:
        jsonschema.validate(line, json_schema("shop_event"))
    return found


def test_retailrocket(tmp_path: Path) -> None:
    source = tmp_path / "events.csv"
    source.write_text(RETAILROCKET)
    done = write_history(tmp_path, tmp_path / "log")
    assert done.path.name.startswith("data.json")
    assert (done.events, done.repeated, dict(done.faults)) == (3, 1, {})
    found = lines(done.path)
    assert [line["event"] for line in found] == ["view", "addtocart", "transaction"]
    assert (found[2]["user"], found[2]["transaction"]) == ("992329", "4000")
    assert found[0]["timestamp"] == 1433221332117
    again = write_history(source, tmp_path / "log")
    assert [*(tmp_path / "log").iterdir()] == [again.path] == [done.path]


def test_rees46(tmp_path: Path) -> None:
    source = tmp_path / "2019-Oct.csv.gz"
    source.write_bytes(gzip.compress(REES46.encode()))
    done = write_history(source, tmp_path / "log", allow_bad=True)
    view, cart = lines(done.path)
    assert (view["event"], view["item"], view["price"]) == ("view", "44600062", 35.79)
    assert view["timestamp"] == 1569888000000
    assert (cart["event"], cart["session"]) == ("addtocart", "9333dfbd")
    assert dict(done.faults) == {"`price` must be a number of 0 or more": 1}
    with pytest.raises(InputError, match="1 of 3 rows are no events"):
        write_history(source, tmp_path / "log")


def test_own_names(tmp_path: Path) -> None:
    rows = [
        {"user": "ü", "item": "a b", "event": "wishlist", "timestamp": 1569888000, "id": "x"},
        {"user": 5, "item": 7, "event": "rating", "timestamp": 1569888001, "value": 4.5},
    ]
    source = tmp_path / "own.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    done = write_history(source, tmp_path / "log")
    first, second = lines(done.path)
    assert (first["user"], first["id"], first["timestamp"]) == ("ü", "x", 1569888000000)
    assert (second["user"], second["value"]) == ("5", 4.5)
    assert "events.kinds: wishlist" in done.notes()[-1]


def test_what_is_no_table_of_events(tmp_path: Path) -> None:
    source = tmp_path / "x.csv"
    source.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="its columns are a, b; --events knows"):
        write_history(source, tmp_path / "log")
    source.write_text("user,item,event,timestamp\n1,2,view,never\n")
    with pytest.raises(InputError, match="1 of 1 rows are no events, such as: `timestamp` is no"):
        write_history(source, tmp_path / "log")
    assert [*(tmp_path / "log").iterdir()] == []
