"""Refuses names and addresses that would resolve to something else, before anything is sent."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from script.shipping.errors import InputError

_RESERVED = ("", ".", "..", ".snapshot", ".reserved")
# HDFS allows no `:` in a name; WebHDFS decodes `%41` twice; HdfsCLI expands `#LATEST`; Hadoop and
# Spark take the others for patterns.
_SPECIAL = set(":%#\\*?[]{}")
_LONGEST = 255
"""Characters of a name, HDFS's default."""


def printable(name: str | os.PathLike[str]) -> str:
    """A name as printable text on one line, whatever bytes it has."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def check_log_names(paths: list[Path]) -> None:
    """Raise InputError if the name of a log cannot be written to a record."""
    for path in paths:
        try:
            os.fsencode(path).decode("utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{printable(path)}: its name is not UTF-8; rename it") from None


def home_directory(user: str, directory: str) -> str:
    """`/user/USER/DIRECTORY`. Raises InputError for a path outside the user's home."""
    if (why := _wrong(user)) or "/" in user:
        raise InputError(
            f"--user {printable(user)!r}: not a user name{f' ({why})' if why else ''}"
        )
    parts = directory.rstrip("/").split("/")
    for part in parts:
        if why := _wrong(part):
            raise InputError(
                f"HDFS_DIR '{printable(directory)}': must be a path below /user/{user}, such as "
                f"logs/day1 ({why})"
            )
    return "/".join(["/user", user, *parts])


def _wrong(name: str) -> str | None:
    """Why HDFS refuses this name, or readers could not find it."""
    if name in _RESERVED:
        return f"'{name}' is no name"
    if not _is_text(name):
        return "a name is UTF-8"
    if special := sorted(set(name) & _SPECIAL):
        return f"a name has no {' '.join(special)}"
    if not name.isprintable():
        return "a name has no control characters"
    if name != name.strip():
        return "a name neither begins nor ends with a space"
    if len(name) > _LONGEST:
        return f"a name has at most {_LONGEST} characters"
    return None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_url(url: str, example: str) -> None:
    """Raise InputError unless `url` is the address of a node, or several with `;` between.

    A path in it would be a directory of HDFS: nothing would be where it was asked for.
    """
    for part in url.split(";"):
        try:
            found = urlsplit(part)
            usable = found.scheme in ("http", "https") and bool(found.hostname)
            usable = usable and (found.port is None or found.port > 0) and printable(part) == part
        except ValueError:
            usable = False
        if not usable or " " in part:
            raise InputError(f"{printable(url)}: not a WebHDFS address; it looks like {example}")
        host = found.netloc.rpartition("@")[2]
        address = f"{found.scheme}://{host}"
        if "@" in found.netloc:
            raise InputError(
                f"{address}: give the address without a user and a password; --user says who "
                "acts, and an alias of ~/.hdfscli.cfg how to sign in"
            )
        if found.path.strip("/") or found.query or found.fragment or part.endswith(("?", "#")):
            raise InputError(
                f"{printable(part)}: give the address alone, {address}; the path in it would "
                "become a directory of HDFS"
            )


def proxy_of(url: str) -> str | None:
    """The proxy that the environment sets for `url`, without its password."""
    first = url.split(";")[0]
    proxy = select_proxy(first, get_environ_proxies(first))
    return proxy.rpartition("@")[2].removeprefix("http://") if proxy else None
