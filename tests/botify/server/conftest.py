"""What the tests of the parent's loops share."""

import pytest

from .syncing import ROUND


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botify.server.sync_thread._POLL_INTERVAL", ROUND)
