"""Filters, and the writing of rows to the database."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils import timezone

from web.catalog.counts import recount
from web.catalog.models import LONGEST_ADDRESS, Item, Tag, validate_image
from web.ratings.models import Interaction

from .rows import LoadError, Rows

BATCH = 2000


def popularities(sums: dict[int, tuple[float, int]]) -> dict[int, float]:
    """Of items' (mean rating, votes): mean times share of all ratings, scaled to 0 to 1."""
    total = sum(votes for _, votes in sums.values()) or 1
    raw = {item: mean * votes / total for item, (mean, votes) in sums.items()}
    low, high = min(raw.values(), default=0.0), max(raw.values(), default=0.0)
    return {item: (r - low) / (high - low) if high > low else 0.0 for item, r in raw.items()}


def keep(rows: Rows, min_popularity: float, min_activity: int) -> None:
    """Keep items above that popularity, then users with at least so many ratings."""
    if min_popularity > 0:
        given = defaultdict(list)
        for (_, item), (rating, _) in rows.ratings.items():
            given[item].append(rating)
        sums = {i: (sum(given[i]) / max(len(given[i]), 1), len(given[i])) for i in rows.items}
        found = popularities(sums)
        rows.items = {i: r for i, r in rows.items.items() if found[i] >= min_popularity}
        rows.ratings = {k: r for k, r in rows.ratings.items() if k[1] in rows.items}
    active = Counter(user for user, _ in rows.ratings)
    rows.ratings = {k: r for k, r in rows.ratings.items() if active[k[0]] >= min_activity}


@transaction.atomic
def write(rows: Rows, progress: Callable[[str, int, int], None]) -> dict[str, int]:
    """Write what is new or changed, all or nothing; gives the counts. Raises LoadError."""
    names = dict(Item.objects.values_list("id", "name"))
    new = []
    for id_, said in rows.items.items():
        name = rows.cut(said["name"], 255, "name", f"item {id_}")
        if names.get(id_, name) != name:
            raise LoadError(f"item {id_} is {names[id_]!r} here and {name!r} in the data")
        if id_ not in names:
            new.append(
                Item(
                    id=id_,
                    name=name,
                    description=rows.cut(
                        said["description"], 10_000, "description", f"item {id_}"
                    ),
                    image=_image(rows, said["image"], id_),
                )
            )
    _batches(Item.objects, new, "items", progress)
    _tags(
        {
            item.id: [
                rows.cut(tag, 100, "tag", f"item {item.id}") for tag in rows.items[item.id]["tags"]
            ]
            for item in new
        }
    )
    known = {(i.user_id, i.item_id): i for i in Interaction.objects.iterator()}
    now, fresh, changed = timezone.now(), [], []
    for (user, item), (rating, at) in rows.ratings.items():
        old = known.get((user, item))
        if old is None:
            fresh.append(
                Interaction(
                    user_id=user,
                    item_id=item,
                    rating=rating,
                    updated_at=now,
                    created_at=at or now,
                    suitable_to_train=rows.suitable_to_train,
                )
            )
        elif old.rating != rating:
            old.rating, old.updated_at, old.revision = rating, now, old.revision + 1
            changed.append(old)
    _batches(Interaction.objects, fresh, "ratings", progress)
    Interaction.objects.bulk_update(changed, ["rating", "updated_at", "revision"], BATCH)
    if new or fresh or changed:
        recount()
        with connection.cursor() as cursor:
            for sql in connection.ops.sequence_reset_sql(no_style(), [Item]):
                cursor.execute(sql)
    return {"items": len(new), "ratings": len(fresh), "changed": len(changed)}


def _image(rows: Rows, address: str, id_: int) -> str:
    try:
        if address:
            validate_image(address)
        if len(address) <= LONGEST_ADDRESS:
            return address
    except (ValidationError, ValueError):
        pass
    rows.drop("picture's address (the item is kept)", f"item {id_}")
    return ""


def _batches(table: Any, made: list[Any], what: str, progress: Callable[..., None]) -> None:
    for at in range(0, len(made), BATCH):
        table.bulk_create(made[at : at + BATCH])
        progress(what, min(at + BATCH, len(made)), len(made))


def _tags(wanted: dict[int, list[str]]) -> None:
    words = sorted({word for words in wanted.values() for word in words})
    Tag.objects.bulk_create([Tag(name=word) for word in words], BATCH, ignore_conflicts=True)
    ids = dict(Tag.objects.values_list("name", "id"))
    link = Item.tags.through
    pairs = {(item, ids[word]) for item, words in wanted.items() for word in words}
    link.objects.bulk_create([link(item_id=i, tag_id=t) for i, t in sorted(pairs)], BATCH)
