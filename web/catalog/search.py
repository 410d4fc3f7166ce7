"""Items by words and tags."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from web.catalog.models import Item

MOST_WORDS = 10


def split_tags(values: Iterable[str]) -> tuple[list[str], list[str]]:
    """Tags wanted and tags excluded; a minus before a tag excludes it."""
    wanted, excluded = [], []
    for value in values:
        tag = value.strip()
        if tag.startswith("-"):
            excluded.append(tag[1:].strip())
        else:
            wanted.append(tag)
    return [tag for tag in wanted if tag], [tag for tag in excluded if tag]


def find(words: str, tags: Iterable[str]) -> QuerySet[Item]:
    """Items that have every word in their name, and all tags wanted and none excluded."""
    wanted, excluded = split_tags(tags)
    items = Item.objects.all()
    for word in words.split()[:MOST_WORDS]:
        items = items.filter(Q(name__icontains=word))
    for tag in wanted:
        items = items.filter(tags__name=tag)
    if excluded:
        items = items.exclude(tags__name__in=excluded)
    return items.distinct() if wanted else items
