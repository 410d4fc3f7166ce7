"""What is counted of an item's ratings and kept beside it."""

from django.db.models import Avg, Count, F, FloatField, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce

from web.catalog.models import Item
from web.ratings.models import Interaction

LIKED = 4.0


def _of_each(aggregate: Count | Avg) -> Coalesce:
    found = Interaction.objects.filter(item=OuterRef("pk")).order_by().values("item")
    return Coalesce(Subquery(found.annotate(n=aggregate).values("n")), 0)


def _count(items: QuerySet[Item]) -> None:
    items.update(
        votes=_of_each(Count("*")),
        likes=_of_each(Count("id", filter=Q(rating__gte=LIKED))),
        rating=_of_each(Cast(Avg("rating"), FloatField())),
    )


def recount(item_id: int | None = None) -> None:
    """Count votes, likes and mean rating of an item, or of all, and then their popularity too.

    Popularity is the mean rating times the share of all ratings, scaled so that the lowest item
    has 0 and the highest 1; all are 0 where all are alike.
    """
    if item_id is not None:
        _count(Item.objects.filter(id=item_id))
        return
    _count(Item.objects.all())
    weight = F("rating") * F("votes")
    ends = Item.objects.aggregate(low=Min(weight), high=Max(weight))
    low, high = ends["low"] or 0.0, ends["high"] or 0.0
    if high > low:
        Item.objects.update(popularity=(weight - low) / (high - low))
    else:
        Item.objects.update(popularity=0.0)
