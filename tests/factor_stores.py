"""Servers of every kind of store of factors, for tests; and a small model to publish."""

import socket
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from scipy import sparse

from offline.models.base import Recommender
from offline.models.registry import make_model

_LIMIT = 60.0


class Mongo:
    """A server of MongoDB's protocol that a test kills and starts; its data stay until the end.

    It writes each answer's changes to the disk before it answers, as a kill loses them else.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._home = tempfile.TemporaryDirectory(prefix="mongo-")
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Mongo":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._home.cleanup()

    def url(self, database: str) -> str:
        """Of a database."""
        return f"mongodb://127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns when it answers."""
        program = Path(sysconfig.get_path("scripts")) / "secantusd-py"
        options = ["--port", str(self.port), "--storage-path", self._home.name]
        self._server = subprocess.Popen(
            [program, *options, "--sync-on-commit"],
            cwd=self._home.name,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _LIMIT
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server of MongoDB's protocol does not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """An end without a word; nothing where it does not run."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(_LIMIT)
            self._server = None

    def _answers(self) -> bool:
        client: MongoClient[dict[str, Any]] = MongoClient(
            self.url(""), serverSelectionTimeoutMS=500
        )
        try:
            return bool(client.admin.command("ping")["ok"])
        except PyMongoError:
            return False
        finally:
            client.close()


def small_model(seed: int = 0, users: int = 12, items: int = 30) -> Recommender:
    """A model of ratings from half a star to five; every user and every item has some."""
    rng = np.random.default_rng(seed)
    ratings = np.where(rng.random((users, items)) < 0.3, rng.integers(1, 11, (users, items)), 0)
    ratings[np.arange(items) % users, np.arange(items)] = 10
    ratings[np.arange(users), np.arange(users) % items] = 9
    model = make_model("truncated-svd", {"factors": 4, "centred": True})
    return model.fit(sparse.csr_matrix(ratings / 2))
