"""What a page tells besides ratings: what the user liked before, and why each item is there."""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.factors import Snapshot, UserFactors
from botify.ratings.fold_in import fold_in
from botify.ratings.service import Answer
from contract.item_lists import Item

_YEAR = re.compile(r"^(.*\S)\s*\((\d{4})\)$", re.DOTALL)
"""A title with a year, as catalogs of films have them."""


class Rated(NamedTuple):
    """An item that the user has, and the rating where it is known."""

    number: int
    rating: float | None


def liked(user: UserFactors | None, most: int) -> list[Rated]:
    """Up to `most` items that the user gave the highest ratings; none where they are unknown."""
    if user is None or user.ratings is None:
        return []
    order = np.argsort(-user.ratings, kind="stable")[:most]
    return [
        Rated(number, rating)
        for number, rating in zip(
            user.rated[order].tolist(), user.ratings[order].tolist(), strict=True
        )
    ]


def reasons(answer: Answer, most: int = 2) -> list[list[Rated]]:
    """For each item of an answer, those of the user's items that speak for it the most.

    With ratings, an item's weight is what its rating adds to the prediction, by fold-in of all of
    the user's ratings, over what it adds to that of the mean item: a high rating also says that
    the user rates high, which speaks for no item more than for another. Only items count that the
    user rated higher than the average user would. Without ratings, the weight is the cosine of the
    two items' vectors. Items of weight 0 or less, and
    those of users that the model does not know, are no reasons.
    """
    user, snapshot = answer.user, answer.snapshot
    if user is None or not len(user.rated) or not answer.numbers:
        return [[] for _ in answer.numbers]
    weights = _weights(snapshot, user, np.array(answer.numbers))
    given = None if user.ratings is None else user.ratings.tolist()
    found = []
    for row in weights:
        best = np.argsort(-row, kind="stable")[:most]
        found.append(
            [
                Rated(int(user.rated[at]), None if given is None else given[at])
                for at in best.tolist()
                if row[at] > 0
            ]
        )
    return found


def _weights(
    snapshot: Snapshot, user: UserFactors, targets: NDArray[np.int64]
) -> NDArray[np.float64]:
    wanted, known = snapshot.vectors[targets], snapshot.vectors[user.rated]
    if user.ratings is not None and snapshot.prior is not None:
        folded = fold_in(snapshot.prior, known, user.ratings)
        surprising = user.ratings > known @ snapshot.prior.mean
        above = wanted - snapshot.vectors.mean(axis=0)
        return np.where(surprising, folded.contributions(above), 0.0)
    lengths = np.linalg.norm(wanted, axis=1)[:, None] * np.linalg.norm(known, axis=1)[None]
    return np.asarray((wanted @ known.T) / np.maximum(lengths, 1e-12), dtype=np.float64)


def described(item: Item) -> dict[str, Any]:
    """Id, title, year and genres, where the catalog has them; the year also from the title."""
    title, year = item.title or item.item, item.fields.get("year")
    if found := _YEAR.match(title):
        title, year = found[1], int(found[2]) if year is None else year
    genres = item.fields.get("genres")
    if isinstance(genres, str):
        genres = [part.strip() for part in re.split(r"[|,;]", genres)]
    if not isinstance(genres, list):
        genres = []
    return {
        "item": item.item,
        "title": title,
        "year": year,
        "genres": [str(genre) for genre in genres if genre],
    }
