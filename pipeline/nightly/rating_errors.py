"""How far the predicted ratings of a publication are from those that were given after a cut."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import lz4.block
import numpy as np
import numpy.typing as npt

from contract.factors import ITEMS, VECTORS, decode_manifest, unpack_user
from contract.item_lists import parse_item
from contract.jsonlines import parse_line
from pipeline.nightly.directory import StopNightError

Rating = tuple[str, str, float]
"""user, item, rating."""


class Means:
    """The mean rating of each item; of all ratings for an item without any."""

    def __init__(self, ratings: Sequence[Rating]) -> None:
        found: dict[str, list[float]] = {}
        for _, item, value in ratings:
            found.setdefault(item, []).append(value)
        self._items = {item: sum(values) / len(values) for item, values in found.items()}
        self._all = sum(value for *_, value in ratings) / max(1, len(ratings))

    def of(self, item: str) -> float:
        """
        >>> means = Means([("u", "a", 4.0), ("v", "a", 2.0), ("v", "b", 5.0)])
        >>> means.of("a"), round(means.of("other"), 2)
        (3.0, 3.67)
        """
        return self._items.get(item, self._all)


class Published:
    """The publication in a directory of `botify-offline publish`, a file store."""

    def __init__(self, store: Path) -> None:
        version = json.loads((store / "active.json").read_text())["version"]
        blobs = store / "items" / version
        manifest = decode_manifest((blobs / "manifest.json").read_bytes())
        if manifest.scale is None:
            raise StopNightError(f"{store} predicts no ratings: {manifest.model} only ranks")
        self._scale, self._dimension = manifest.scale, manifest.dimension
        vectors, items = bytearray(), bytearray()
        for blob in manifest.blobs:
            content = (blobs / blob.name).read_bytes()
            if blob.packing == "lz4":
                content = lz4.block.decompress(content, uncompressed_size=blob.size)
            if blob.name.startswith(f"{VECTORS}-"):
                vectors += content
            elif blob.name.startswith(f"{ITEMS}-"):
                items += content
        self._vectors = np.frombuffer(vectors, np.float16).reshape(-1, self._dimension)
        lines = bytes(items).splitlines()
        self._rows = {str(parse_item(parse_line(line)).item): n for n, line in enumerate(lines)}
        self._users = sqlite3.connect(f"file:{store / 'users' / version}.sqlite?mode=ro", uri=True)

    def predict(self, user: str, items: Sequence[str], means: Means) -> npt.NDArray[np.float64]:
        """Ratings within the scale; the item's mean where the user or the item is unknown."""
        found = np.array([means.of(item) for item in items])
        row = self._users.execute("SELECT record FROM users WHERE user = ?", (user,)).fetchone()
        if row is not None:
            vector = unpack_user(row[0], self._dimension, len(self._rows)).vector
            known = [place for place, item in enumerate(items) if item in self._rows]
            rows = self._vectors[[self._rows[items[place]] for place in known]]
            found[known] = rows.astype(np.float64) @ np.array(vector)
        low, high = self._scale
        clipped: npt.NDArray[np.float64] = np.clip(found, low, high)
        return clipped

    def close(self) -> None:
        self._users.close()


def minus_rmse(
    published: Published | None, users: Sequence[str], given: Sequence[Rating], means: Means
) -> npt.NDArray[np.float64]:
    """Of each user: the root of the mean squared error of what was predicted, below 0.

    `given`: ratings after the cut. Without a publication, means are the predictions.
    """
    by_user: dict[str, tuple[list[str], list[float]]] = {user: ([], []) for user in users}
    for user, item, value in given:
        if user in by_user:
            by_user[user][0].append(item)
            by_user[user][1].append(value)
    found = np.empty(len(users))
    for place, (user, (items, values)) in enumerate(by_user.items()):
        if published:
            predicted = published.predict(user, items, means)
        else:
            predicted = np.array([means.of(item) for item in items])
        found[place] = -np.sqrt(np.mean((predicted - np.array(values)) ** 2))
    return found
