"""A directory of HDFS as a target, over WebHDFS with the package `hdfs` (HdfsCLI)."""

import configparser
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex

from hdfs import Client, HdfsError, InsecureClient
from hdfs.config import Config
from requests import ConnectionError as Unreachable
from requests import RequestException

from script.shipping.checksums import Digest
from script.shipping.chunks import CHUNK
from script.shipping.errors import InputError, ShipError, UnavailableError
from script.shipping.safe_names import check_url, proxy_of
from script.shipping.targets.base import Entry, Seal, differs
from script.shipping.targets.hdfs_quotas import no_room

DEFAULT_URL = "http://127.0.0.1:50070"
# Seconds to connect (also the longest stall of a send), and to wait for an answer.
TIMEOUT = (10, 120)
# Of the answer's hex: behind the bytes per CRC (4) and the CRCs per block (8).
_MD5 = slice(24, 56)
_FINAL = (
    "AccessControlException",
    "AuthenticationException",
    "AuthorizationException",
    "SecurityException",
    "QuotaExceededException",
    "FileAlreadyExistsException",
    "FileNotFoundException",
    "ParentNotDirectoryException",
    "InvalidPathException",
    "IllegalArgumentException",
    "UnsupportedOperationException",
)


def connect(url: str | None, user: str, alias: str | None = None) -> Client:
    """A client for `alias` of ~/.hdfscli.cfg or for `url`, else for the default alias there, else
    for DEFAULT_URL.

    `user` acts, unless the alias has a user or a way to sign in of its own. Nothing is sent yet.
    Raises InputError for a URL or an alias that cannot be used.
    """
    if url is None:
        client = _of_alias(user, alias)
        if client is not None:
            return client
        url = DEFAULT_URL
    check_url(url, DEFAULT_URL)
    return InsecureClient(url, user=user, timeout=TIMEOUT)


def _of_alias(user: str, alias: str | None) -> Client | None:
    path = Config.default_path
    try:
        config = Config()
        path = config.path
        if alias is None:
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
        client = config.get_client(alias)
    except (configparser.Error, HdfsError, ValueError) as error:
        raise InputError(f"{path}: {_one_line(error)}; correct it, or use --url") from error
    check_url(client.url, DEFAULT_URL)
    return client


class HdfsTarget:
    """A directory of HDFS. Methods raise ShipError, or UnavailableError if it may be temporary."""

    def __init__(self, client: Client, directory: str) -> None:
        self._client = client
        self._directory = directory
        self.proxy = proxy_of(client.url)
        """The proxy that requests go through, if the environment sets one."""

    def __str__(self) -> str:
        return f"{self._client.url} {self._directory}"

    @property
    def place(self) -> str:
        urls = sorted(url.rstrip("/") for url in self._client.url.split(";"))
        return f"{';'.join(urls)} {self._directory}".replace("//localhost:", "//127.0.0.1:")

    def list(self, directory: str = "") -> dict[str, Entry]:
        path = self._path(directory)
        with self._failing(path):
            try:
                found = self._client.list(path, status=True)
            except HdfsError as error:
                if error.exception == "FileNotFoundException":
                    return {}
                if "is not a directory" in str(error):  # HdfsCLI's own words
                    raise InputError(f"{path} is a file; name a directory") from error
                raise
            return {
                name: Entry(
                    status["length"], status["modificationTime"], status["type"] == "DIRECTORY"
                )
                for name, status in found
            }

    def read(self, name: str) -> Iterator[bytes]:
        path = self._path(name)
        with self._failing(path), self._client.read(path, chunk_size=CHUNK) as chunks:
            yield from chunks

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self._path(name)
        with self._failing(path):
            self._client.write(path, data=iter(chunks), overwrite=True)

    def verify(self, name: str, sent: Digest) -> Seal:
        path = self._path(name)
        with self._failing(path):
            status = self._client.status(path)
            if status["length"] == sent.size:
                answer = self._client.checksum(path)
                expected = sent.hdfs_checksum(answer["algorithm"])
                if expected is not None:
                    same = answer["bytes"][_MD5] == expected
                else:  # a cluster with another algorithm, or another store behind WebHDFS
                    same = Digest(self.read(name)).checksum == sent.checksum
                if same:
                    return Seal(status["modificationTime"], _text(answer))
            # WebHDFS may silently drop a block that does not fit into a quota.
            block = status["blockSize"] * status["replication"]
            if why := no_room(self._client, path, 0, 0, lambda: block):
                raise ShipError(f"{path}: {why}")
        raise differs(path, self, sent, status["length"])

    def checksum(self, name: str, start: int, size: int) -> str:
        path = self._path(name)
        with self._failing(path), suppress(KeyError):  # another store behind WebHDFS
            return _text(self._client.checksum(path))
        return ""

    def check_room(self, size: int, files: int) -> None:
        with self._failing(self._directory):
            why = no_room(self._client, f"{self._directory}/", size, files, self._block)
        if why:
            raise InputError(why)

    def rename(self, old: str, new: str) -> None:
        path = self._path(new)
        with self._failing(path):
            try:
                self._rename(self._path(old), path)
            except HdfsError as error:
                if "does not exist" not in str(error) and "not found" not in str(error):
                    raise
                # Done before, by an attempt whose answer was lost; or its directory is missing.
                if self._client.status(self._path(old), strict=False) is None:
                    self._client.status(path)
                    return
                self._client.makedirs(path.rpartition("/")[0])
                self._rename(self._path(old), path)

    def delete(self, name: str) -> None:
        path = self._path(name)
        with self._failing(path):
            self._client.delete(path, recursive=True)

    def append(self, name: str, to: str, start: int, modified: int) -> None:
        raise ShipError(f"{self._path(to)}: HDFS cannot append to a file")

    def _block(self) -> int:
        """Bytes that a block of a new file takes in all replicas, read from an empty file."""
        path = self._path(f"_incoming/{token_hex(8)}.empty")
        self._client.write(path, data=b"")
        status = self._client.status(path)
        self._client.delete(path)
        return int(status["blockSize"] * status["replication"])

    def _rename(self, old: str, new: str) -> None:
        # Client.rename cannot replace a file; deleting first would leave a moment, or after a
        # kill for good, in which neither the old content nor the new is in place.
        answer = self._client._rename(old, destination=new, renameoptions="OVERWRITE")
        # WebHDFS answers this form with nothing or an error, HttpFS with a boolean.
        if answer.content and not answer.json()["boolean"]:
            raise ShipError(f"{new} on {self._client.url}: HDFS did not rename the upload")

    @property
    def _through(self) -> str:
        return f", through the proxy {self.proxy}" if self.proxy else ""

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}" if name else self._directory

    @contextmanager
    def _failing(self, path: str) -> Iterator[None]:
        try:
            yield
        except Unreachable as error:
            raise UnavailableError(
                f"{path} on {self._client.url}: {_one_line(error)}; check that a NameNode "
                f"answers there{self._through}, or set --url or HDFS_URL"
            ) from error
        except RequestException as error:
            raise UnavailableError(
                f"{path} on {self._client.url}{self._through}: {_one_line(error)}"
            ) from error
        except HdfsError as error:
            kind = ShipError if _is_final(error) else UnavailableError
            raise kind(
                f"{path} on {self._client.url}{self._through}: {_one_line(error)}"
            ) from error
        except KeyError as error:
            # HdfsCLI looks up what every WebHDFS answer has.
            raise ShipError(
                f"{path} on {self._client.url}: the answer is not WebHDFS's (no {error})"
            ) from error


def _text(answer: dict[str, str]) -> str:
    return f"{answer['algorithm']}:{answer['bytes'][_MD5]}"


def _is_final(error: HdfsError) -> bool:
    """Whether a retry cannot help: forbidden, full, or the wrong kind of file."""
    words = f"{error.exception} {error}"
    return any(word in words for word in _FINAL)


def _one_line(error: BaseException) -> str:
    # requests wraps the system's message ("Connection refused") three levels deep.
    if isinstance(error, RequestException):
        while deeper := error.__cause__ or error.__context__:
            error = deeper
    text = str(error)
    if "<html" in text.lower():  # the page of a proxy; HdfsCLI has it as b'...'
        text = " ".join(re.sub(r"<[^>]*>|\\[rn]", " ", text).split())
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
