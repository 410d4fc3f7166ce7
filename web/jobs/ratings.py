"""The ratings that jobs train on: read, fingerprinted, and written to a file."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from web.ratings.models import Interaction

PAGE = 20_000
_BYTES = 16


class Rating(NamedTuple):
    """Who rated what how."""

    user: int
    item: int
    rating: float


@dataclass
class Content:
    """What was read."""

    count: int = 0
    total: int = 0
    """The sum of the hashes of all ratings: the same in any order, and another one where a rating
    was added, changed or removed."""

    def add(self, one: Rating) -> None:
        """Count a rating in."""
        text = f"{one.user},{one.item},{one.rating!r}".encode()
        self.total += int.from_bytes(blake2b(text, digest_size=_BYTES).digest())
        self.count += 1

    def fingerprint(self, use: str) -> str:
        """Of the ratings and of `use`, which says how they are used."""
        text = f"{self.count}:{self.total % 2 ** (8 * _BYTES):x}:{use}".encode()
        return blake2b(text, digest_size=_BYTES).hexdigest()


def stored() -> Iterator[Rating]:
    """All ratings of the database that are suitable to train, a page at a time."""
    rows = Interaction.objects.filter(suitable_to_train=True).order_by("id")
    last = 0
    while True:
        page = list(
            rows.filter(id__gt=last).values_list("id", "user_id", "item_id", "rating")[:PAGE]
        )
        yield from (Rating(*row[1:]) for row in page)
        if len(page) < PAGE:
            return
        last = page[-1][0]


def write_ratings(
    ratings: Iterable[Rating], path: Path, after: Callable[[int], object] = lambda read: None
) -> Content:
    """Write them as CSV that `botify-offline` reads; `after` gets the number of each page."""
    content = Content()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Rating._fields)
        for one in ratings:
            writer.writerow(one)
            content.add(one)
            if content.count % PAGE == 0:
                after(content.count)
    return content
