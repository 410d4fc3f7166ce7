"""Where a publication of factors lies in a store, and the URLs of stores.

    file:DIR                        a directory
    redis://HOST:PORT/DB#NAME       also rediss:// and unix://
    mongodb://HOST:PORT/DATABASE#NAME
    postgresql://USER@HOST:PORT/DATABASE#NAME

One store may hold several publications, by NAME, `factors` where there is none. Both sides, users
and items, may be in one store, or each in its own. A side has a version once its list of versions
has it, which is written last. Values of the lists are numbers of users, or of items.

`file:DIR`       DIR/users/VERSION.sqlite: table `users` (user TEXT PRIMARY KEY, record BLOB)
                 DIR/items/VERSION/: manifest.json and the blobs
                 A file or directory is there whole or not at all, which makes the list.
                 DIR/active.json; DIR/.lock, locked by flock while somebody publishes
Redis            hashes NAME:users:VERSION (user -> record) and NAME:items:VERSION (blob -> bytes,
                 `manifest` -> JSON); hashes NAME:users and NAME:items, the lists of versions;
                 NAME:active; NAME:lock; all keys after PREFIX
MongoDB          collections NAME.users.VERSION {_id: user, record}, NAME.items.VERSION
                 {_id: blob, content} ; NAME.versions {_id: "users:VERSION", count};
                 NAME.state {_id: "active", value: JSON} and {_id: "lock", ...}
PostgreSQL       schema SCHEMA: tables NAME_users_VERSION ("user" text, record bytea; with pgvector
                 vector halfvec, rated integer[], and record without these two), NAME_items_VERSION
                 (blob text, content bytea), with pgvector NAME_vectors_VERSION (number, item,
                 vector) in the place of the blobs of vectors; `versions` (name, side, version,
                 count, halfvec); `active` (name, value)
"""

import re
from typing import NamedTuple

from contract.errors import FormatError

USERS, ITEMS = "users", "items"
"""The sides."""
MANIFEST = "manifest"
"""The name of the manifest among the blobs."""
PREFIX = "botify:factors:"
"""Of keys in Redis."""
SCHEMA = "botify_factors"
"""In PostgreSQL."""
DATABASE = "botify"
"""In MongoDB, where the URL names none."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
DEFAULT_NAME = "factors"
SCHEMES = {
    "file": "file",
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}
"""The kind of store of each scheme."""


class StoreUrl(NamedTuple):
    """A URL of a store, in its parts."""

    kind: str
    """`file`, `redis`, `mongodb` or `postgresql`."""
    url: str
    """Without the name; of `file`, the path. It may hold a password."""
    name: str
    """Of the publication."""
    shown: str
    """For messages: without what may be secret."""


def parse_store(text: str) -> StoreUrl:
    """The parts of a URL. Raises FormatError, whose message has no part that may be secret."""
    scheme, colon, rest = text.partition(":")
    kind = SCHEMES.get(scheme)
    if not colon or kind is None:
        shown = repr(scheme) if colon else "no scheme"
        raise FormatError(f"{shown}: a store is file:DIR, redis://, mongodb:// or postgresql://")
    if kind == "file":
        path = rest.removeprefix("//")
        if not path:
            raise FormatError("file: names no directory: file:DIR")
        return StoreUrl(kind, path, DEFAULT_NAME, f"file:{path}")
    url, _, name = text.partition("#")
    name = name or DEFAULT_NAME
    if not NAME.fullmatch(name):
        raise FormatError(
            f"{scheme}://...#{name}: a name has up to 24 of a-z, 0-9 and _, first a letter"
        )
    if not rest.startswith("//"):
        raise FormatError(f"{scheme}: must be followed by // and a host")
    place = url.partition("://")[2].rpartition("@")[2].partition("?")[0]
    shown = f"{scheme}://{place}" + (f"#{name}" if name != DEFAULT_NAME else "")
    return StoreUrl(kind, url, name, shown)


def table(name: str, side: str, version: str) -> str:
    """A table of a version in PostgreSQL, without the schema."""
    return f"{name}_{side}_{version}"
