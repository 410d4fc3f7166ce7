"""Which items a person is asked to rate first: those whose ratings tell most about taste.

An item tells much when many have rated it and they disagree: log(1 + ratings) times the ratings'
standard deviation. Rashid et al. (2002), "Getting to know you", have popularity times entropy.
Items with tags that were picked already count for less, so that the first picks differ.
"""

import math
from datetime import timedelta
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Avg, F
from django.utils import timezone

from web.catalog.models import Item
from web.ratings.models import Dismissal, Interaction

CANDIDATES = 300
KEPT_SECONDS = 600
SAME_TAG = 0.8
"""What an item's score is multiplied by for each of its tags that a pick before it has."""
SKIPPED_FOR = timedelta(days=7)


class Candidate(NamedTuple):
    """An item, how much its ratings tell, and its tags."""

    item_id: int
    score: float
    tags: frozenset[int]


def _candidates() -> list[Candidate]:
    liked = list(Item.objects.order_by("-likes", "id").values_list("id", "votes")[:CANDIDATES])
    votes = dict(liked)
    moments = (
        Interaction.objects.filter(item__in=list(votes))
        .values("item")
        .annotate(mean=Avg("rating"), square=Avg(F("rating") * F("rating")))
        .order_by()
    )
    deviation = {m["item"]: math.sqrt(max(m["square"] - m["mean"] ** 2, 0)) for m in moments}
    tags: dict[int, set[int]] = {}
    for item_id, tag_id in Item.tags.through.objects.filter(item__in=list(votes)).values_list(
        "item_id", "tag_id"
    ):
        tags.setdefault(item_id, set()).add(tag_id)
    return [
        # Where nobody has rated yet, any item tells as much as another.
        Candidate(
            item_id, math.log1p(n) * deviation.get(item_id, 0.0), frozenset(tags.get(item_id, ()))
        )
        for item_id, n in liked
    ]


def set_aside(user_id: int) -> set[int]:
    """Items that are not to be shown: rated, not wanted, or skipped in the last week."""
    since = timezone.now() - SKIPPED_FOR
    dismissed = Dismissal.objects.filter(user_id=user_id)
    return {
        *Interaction.objects.filter(user_id=user_id).values_list("item_id", flat=True),
        *dismissed.filter(kind=Dismissal.Kind.NOT_INTERESTED).values_list("item_id", flat=True),
        *dismissed.filter(created_at__gte=since).values_list("item_id", flat=True),
    }


def telling(user_id: int, n: int) -> list[int]:
    """Up to `n` items, the most telling first; further ones by likes where candidates run out."""
    known = set_aside(user_id)
    candidates = cache.get_or_set("picks", _candidates, KEPT_SECONDS) or []
    # Some may have been removed since they were counted.
    there = set(
        Item.objects.filter(pk__in=[one.item_id for one in candidates]).values_list(
            "pk", flat=True
        )
    )
    left = [one for one in candidates if one.item_id in there - known]
    picked: list[int] = []
    seen: dict[int, int] = {}
    while left and len(picked) < n:
        best = max(
            left,
            key=lambda c: (
                c.score * SAME_TAG ** sum(seen.get(tag, 0) for tag in c.tags),
                -c.item_id,
            ),
        )
        left.remove(best)
        picked.append(best.item_id)
        for tag in best.tags:
            seen[tag] = seen.get(tag, 0) + 1
    if len(picked) < n:
        others = Item.objects.exclude(pk__in=known | set(picked)).order_by("-likes", "id")
        picked += others.values_list("id", flat=True)[: n - len(picked)]
    return picked
