"""What every source gives: items and ratings, and what was dropped on the way."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from web.people.ids import FIRST_ACCOUNT_ID
from web.ratings.models import HIGHEST, LOWEST

FIRST_HASHED_USER, LAST_USER = 100_000_000, FIRST_ACCOUNT_ID - 1


class LoadError(Exception):
    """Input that cannot be loaded; the text says what to change."""


@dataclass
class Rows:
    """Items by id, ratings by (user, item), and dropped lines by reason: count and first place."""

    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    ratings: dict[tuple[int, int], tuple[float, datetime | None]] = field(default_factory=dict)
    dropped: dict[str, tuple[int, str]] = field(default_factory=dict)
    suitable_to_train: bool = True
    _users: dict[int, str] = field(default_factory=dict)

    def drop(self, reason: str, where: str) -> None:
        """Count a dropped line."""
        count, first = self.dropped.get(reason, (0, where))
        self.dropped[reason] = (count + 1, first)

    def user(self, name: str) -> int | None:
        """A number for a name, the same in each run; None where another name has it already."""
        span = LAST_USER - FIRST_HASHED_USER + 1
        id_ = FIRST_HASHED_USER + hashed(name) % span
        return id_ if self._users.setdefault(id_, name) == name else None

    def rate(self, user: int | None, item: int, text: Any, when: Any, where: str) -> None:
        """Add a rating, or drop it with a reason. `when` is in seconds since 1970, or None."""
        try:
            rating = float(text)
            at = None if when in (None, "") else datetime.fromtimestamp(float(when), UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            return self.drop("no number as rating or time", where)
        if user is None or not 0 < user <= LAST_USER:
            return self.drop("no usable id of a user", where)
        if not LOWEST <= rating <= HIGHEST:
            return self.drop(f"rating outside {LOWEST} to {HIGHEST}", where)
        if item not in self.items:
            return self.drop("rating of an unknown item", where)
        if (user, item) in self.ratings:
            self.drop("rating of an item by a user who rated it more than once", where)
            before = self.ratings[user, item][1]
            if at is None or before is None or at <= before:
                return None  # without times, nothing says which one is the latest
        self.ratings[user, item] = (rating, at)
        return None

    def cut(self, text: str, longest: int, what: str, where: str) -> str:
        """The text, not longer than the database takes; counted where something is lost."""
        if len(text) > longest:
            self.drop(f"end of {what} after {longest:,} characters (the item is kept)", where)
        return text[:longest]


def hashed(text: str) -> int:
    """A number of 52 bits, the same in each run."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 12


def number(text: Any) -> int:
    """An id above 0, or 0 where `text` is none."""
    text = str(text or "").strip()
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line with its place. Raises LoadError where there is no such file, or it is no text."""
    try:
        with path.open(encoding="utf-8") as file:
            for at, line in enumerate(file, 1):
                yield line, f"{path.name}:{at}"
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"{path}: cannot be read ({error})") from None
