"""Items by tags: how well an item's tags fit those of what a person rated well."""

import math
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Count

from web.catalog.models import Item, Tag
from web.recommendations.person import Person

CANDIDATES = 500
"""Of the items that most people like, so many can be in the row."""
KEPT_SECONDS = 60
LIFT, WEIGHT = 2.0, 2.0
TAGS_SAID = 3


class Rated(NamedTuple):
    """A tag, how many items with it the person rated, and their mean rating."""

    name: str
    count: int
    mean: float


class Fit(NamedTuple):
    """An item, its score, and the tags that brought it here, the weightiest first."""

    item_id: int
    score: float
    tags: list[Rated]


Tags = dict[int, list[int]]


def _tags_of(items: object) -> Tags:
    found: Tags = {}
    for item, tag in Item.tags.through.objects.filter(item__in=items).values_list(
        "item_id", "tag_id"
    ):
        found.setdefault(item, []).append(tag)
    return found


def _catalogue() -> tuple[dict[int, tuple[str, float]], dict[int, int], Tags]:
    """Tags with their rarity, log((1 + n) / (1 + df)) + 1; candidates with likes; their tags."""
    n = Item.objects.count()
    tags = Tag.objects.annotate(df=Count("items")).values_list("id", "name", "df")
    rarity = {id_: (name, math.log((1 + n) / (1 + df)) + 1) for id_, name, df in tags}
    likes = dict(Item.objects.order_by("-likes", "id").values_list("id", "likes")[:CANDIDATES])
    return rarity, likes, _tags_of(list(likes))


def by_tags(person: Person, most: int) -> list[Fit]:
    """The items that fit best.

    The weight of a tag is the sum of rating - mean + LIFT over the person's items that have it; an
    item's fit is the cosine of its tags with these weights, not below 0, times (1 + likes)^WEIGHT.
    """
    rarity, likes, tags = cache.get_or_set("profile", _catalogue, KEPT_SECONDS) or _catalogue()
    weights: dict[int, float] = {}
    given: dict[int, list[float]] = {}
    for item, its_tags in _tags_of(list(person.ratings)).items():
        known = [tag for tag in its_tags if tag in rarity]
        length = math.sqrt(sum(rarity[tag][1] ** 2 for tag in known)) or 1.0
        for tag in known:
            rating = person.ratings[item]
            share = rarity[tag][1] / length
            weights[tag] = weights.get(tag, 0.0) + (rating - person.mean + LIFT) * share
            given.setdefault(tag, []).append(rating)
    norm = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
    fits = []
    for item, liked in likes.items():
        known = [tag for tag in tags.get(item, ()) if tag in rarity]
        if item in person.hidden or not any(tag in weights for tag in known):
            continue
        length = math.sqrt(sum(rarity[tag][1] ** 2 for tag in known))
        parts = {
            tag: weights[tag] * rarity[tag][1] / (length * norm) for tag in known if tag in weights
        }
        score = max(sum(parts.values()), 0) * (1 + liked) ** WEIGHT
        weightiest = sorted(parts, key=lambda tag: (-parts[tag], tag))[:TAGS_SAID]
        said = [
            Rated(rarity[t][0], len(given[t]), sum(given[t]) / len(given[t])) for t in weightiest
        ]
        fits.append(Fit(item, score, said))
    fits.sort(key=lambda fit: (-fit.score, fit.item_id))
    return fits[:most]
