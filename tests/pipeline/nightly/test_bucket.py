"""Events of a bucket, from a local S3 server."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from pipeline.nightly.config import Source
from pipeline.nightly.directory import Night, StopNightError
from pipeline.nightly.steps import extract


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.integration
def test_events_of_a_bucket(endpoint: str, tmp_path: Path) -> None:
    store = fs.S3FileSystem(
        endpoint_override=endpoint.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
    )
    store.create_dir("shop")
    for part, rows in (("a", "u1,i1,view,1767225600000\n"), ("b", "u2,i2,view,1767312000000\n")):
        with store.open_output_stream(f"shop/events/{part}.csv") as file:
            file.write(f"user,item,event,timestamp\n{rows}".encode())
    source = Source(kind="csv", place="s3://shop/events", endpoint=endpoint)
    extract.work(source, Night(date(2026, 1, 1), "shop", tmp_path), tmp_path)
    found = duckdb.execute(
        f"SELECT * EXCLUDE value FROM read_parquet('{tmp_path / extract.OUT}')"
    ).fetchall()
    assert found == [("u1", "i1", "view", 1767225600000)]  # the other is of the next day
    missing = Source(kind="csv", place="s3://no-such-bucket/events", endpoint=endpoint)
    with pytest.raises(StopNightError, match="cannot be read"):
        extract.work(missing, Night(date(2026, 1, 1), "shop", tmp_path), tmp_path)
