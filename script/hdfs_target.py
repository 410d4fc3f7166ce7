"""A directory of HDFS as a target, over WebHDFS with the package `hdfs` (HdfsCLI)."""

import configparser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hdfs import Client, HdfsError, InsecureClient
from hdfs.config import Config
from requests import ConnectionError as Unreachable
from requests import RequestException

from script.errors import InputError, ShipError
from script.sources import CHUNK
from script.targets import hidden

DEFAULT_URL = "http://127.0.0.1:50070"
# Seconds to connect (also the longest a send may stall), and to wait for an answer.
TIMEOUT = (10, 120)


def connect(url: str | None, user: str) -> Client:
    """A client for `url`, else for the default alias of ~/.hdfscli.cfg, else for DEFAULT_URL.

    `user` is who acts, unless the alias has a user or a way to sign in of its own. Nothing is
    sent yet. Raises InputError for a URL or an alias that cannot be used.
    """
    if url is None:
        client = _default_alias(user)
        if client is not None:
            return client
        url = DEFAULT_URL
    if not all(part.startswith(("http://", "https://")) for part in url.split(";")):
        raise InputError(f"{url}: not a WebHDFS address; it looks like {DEFAULT_URL}")
    return InsecureClient(url, user=user, timeout=TIMEOUT)


def _default_alias(user: str) -> Client | None:
    path = Config.default_path
    try:
        config = Config()
        path = config.path
        if not config.has_option("global", "default.alias"):
            return None
        alias = config.get("global", "default.alias")
        for section in (f"{alias}.alias", f"{alias}_alias"):
            if config.has_section(section):
                if not config.has_option(section, "timeout"):
                    config.set(section, "timeout", ",".join(map(str, TIMEOUT)))
                insecure = config.get(section, "client", fallback="InsecureClient")
                if insecure == "InsecureClient" and not config.has_option(section, "user"):
                    config.set(section, "user", user)
        return config.get_client(alias)
    except (configparser.Error, HdfsError, ValueError) as error:
        raise InputError(f"{path}: {_one_line(error)}; correct it, or give --url") from error


def home_directory(user: str, directory: str) -> str:
    """`/user/USER/DIRECTORY`. Raises InputError for what would lead out of the user's home."""
    if user in ("", ".", "..") or "/" in user:
        raise InputError(f"--user {user!r}: not a user name")
    parts = directory.rstrip("/").split("/")
    # HdfsCLI expands names with `#`, and HDFS itself allows no `:` in a name.
    if any(part in ("", ".", "..") or "#" in part or ":" in part for part in parts):
        raise InputError(
            f"HDFS_DIR {directory!r}: must be a path below /user/{user}, such as logs/day1"
        )
    return "/".join(["/user", user, *parts])


class HdfsTarget:
    """A directory of HDFS, made when the first file comes. Methods raise ShipError."""

    def __init__(self, client: Client, directory: str) -> None:
        self._client = client
        self._directory = directory

    def __str__(self) -> str:
        return f"{self._client.url} {self._directory}"

    def sizes(self) -> dict[str, int]:
        return {
            name: status["length"]
            for name, status in self._entries().items()
            if status["type"] == "FILE"
        }

    def read(self, name: str) -> Iterator[bytes]:
        path = self._path(name)
        with self._failing(path), self._client.read(path, chunk_size=CHUNK) as chunks:
            yield from chunks

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self._path(name)
        with self._failing(path):
            self._client.write(path, data=iter(chunks), overwrite=True)

    def publish(self, name: str) -> None:
        path = self._path(name)
        with self._failing(path):
            # Client.rename cannot replace a file; deleting first would leave a moment, or after
            # a kill for good, in which neither the old content nor the new is in place.
            answer = self._client._rename(
                self._path(hidden(name)), destination=path, renameoptions="OVERWRITE"
            )
            # WebHDFS answers this form with nothing or an error, HttpFS with a boolean.
            if answer.content and not answer.json()["boolean"]:
                raise ShipError(f"{path} on {self._client.url}: HDFS did not rename the upload")

    def keep_only(self, names: set[str]) -> None:
        """Remove everything in the directory but these files, subdirectories too."""
        for name in self._entries().keys() - names:
            path = self._path(name)
            with self._failing(path):
                self._client.delete(path, recursive=True)

    def _entries(self) -> dict[str, dict[str, Any]]:
        with self._failing(self._directory):
            try:
                return dict(self._client.list(self._directory, status=True))
            except HdfsError as error:
                if error.exception == "FileNotFoundException":
                    return {}
                raise

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    @contextmanager
    def _failing(self, path: str) -> Iterator[None]:
        try:
            yield
        except Unreachable as error:
            raise ShipError(
                f"{path} on {self._client.url}: {_one_line(error)}; does a NameNode answer "
                f"there? --url or HDFS_URL names another"
            ) from error
        except (HdfsError, RequestException) as error:
            raise ShipError(f"{path} on {self._client.url}: {_one_line(error)}") from error
        except KeyError as error:
            # HdfsCLI looks up what every WebHDFS answer has.
            raise ShipError(
                f"{path} on {self._client.url}: the answer is not WebHDFS's (no {error})"
            ) from error


def _one_line(error: BaseException) -> str:
    # requests wraps the system's own words ("Connection refused") three deep.
    if isinstance(error, RequestException):
        while deeper := error.__cause__ or error.__context__:
            error = deeper
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
