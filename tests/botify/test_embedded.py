"""The private Valkey: reachable while wanted, gone afterwards."""

from pathlib import Path

import pytest
import redis

from botify.embedded import embedded_valkey
from botify.store import connect

pytestmark = pytest.mark.integration


def test_it_is_gone_with_its_files_afterwards() -> None:
    with embedded_valkey() as url, connect(url) as client:
        assert client.ping()
        address = Path(url.removeprefix("unix://"))
        assert address.is_socket()
        assert client.config_get("port") == {"port": "0"}
    assert not address.parent.exists()
    with connect(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_it_starts_under_a_temporary_directory_too_long_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with embedded_valkey() as url, connect(url) as client:
        assert client.ping()
    assert list(deep.iterdir()) == []
