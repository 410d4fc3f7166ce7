"""Rows of recommendations: which items, why each is there, and what would change it."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from web.catalog.models import Item
from web.ratings.models import Interaction
from web.recommendations.cells import nearest
from web.recommendations.models import Recommender
from web.recommendations.person import Person
from web.recommendations.profile import by_tags

SHOWN = 20
LIFT = 2.0
"""What being rated at all counts for, in ratings."""


@dataclass
class Shown:
    """An item of a row."""

    item: Item
    reason: str
    change: str
    because: Item | None = None  # an item whose rating brought this one here


@dataclass
class Row:
    """A row; `empty` says why it has no items, `note` how it was filled where that is unusual."""

    recommender: Recommender
    items: list[Shown] = field(default_factory=list)
    empty: str = ""
    note: str = ""


def _in_order(ids: Iterable[int]) -> list[Item]:
    """The items of those ids that are still there, in that order."""
    wanted = list(ids)
    found = Item.objects.defer("description").in_bulk(wanted)
    return [found[id_] for id_ in wanted if id_ in found]


def _liked(item: Item) -> str:
    return ngettext(
        "%(likes)d rating of 4 and above, of %(votes)d.",
        "%(likes)d ratings of 4 and above, of %(votes)d.",
        item.likes,
    ) % {"likes": item.likes, "votes": item.votes}


def popular(recommender: Recommender, person: Person) -> Row:
    """What most people rated 4 and above."""
    items = Item.objects.filter(likes__gt=0).exclude(pk__in=person.unwanted)
    change = _("This row is the same for everybody; “not interested” takes an item out of yours.")
    shown = [Shown(item, _liked(item), change) for item in items.order_by("-likes", "id")[:SHOWN]]
    return Row(recommender, shown, empty=_("Nobody has rated anything 4 or above yet."))


def new_popular(recommender: Recommender, person: Person) -> Row:
    """The same of items that the person has not rated."""
    items = Item.objects.filter(likes__gt=0).exclude(pk__in=person.hidden)
    change = _("It leaves this row when you rate it, or choose “not interested”.")
    shown = [
        Shown(item, _liked(item) + " " + _("You have not rated it."), change)
        for item in items.order_by("-likes", "id")[:SHOWN]
    ]
    return Row(recommender, shown, empty=_("You have rated all that others like."))


def profile(recommender: Recommender, person: Person) -> Row:
    """Items whose tags are those of what the person rated well."""
    if not person.ratings:
        return Row(recommender, empty=_("Rate one item, and its tags fill this row."))
    fits = by_tags(person, SHOWN)
    items = {item.pk: item for item in _in_order(fit.item_id for fit in fits)}
    change = _("Rate items with these tags lower, and it moves down.")
    shown = [
        Shown(
            items[fit.item_id],
            _("Its tags: %(tags)s.")
            % {
                "tags": ", ".join(
                    ngettext(
                        "%(tag)s (you rated %(n)d, %(mean).1f)",
                        "%(tag)s (you rated %(n)d, on average %(mean).1f)",
                        tag.count,
                    )
                    % {"tag": tag.name, "n": tag.count, "mean": tag.mean}
                    for tag in fit.tags
                )
            },
            change,
        )
        for fit in fits
        if fit.item_id in items
    ]
    return Row(recommender, shown, empty=_("What you rated has no tags in common with the rest."))


def collaborative(recommender: Recommender, person: Person) -> Row:
    """What the nearest people rated well; without neighbours, what is like the person's items.

    An item's score is the sum over neighbours v who rated it of s(v) · (r - mean of v + LIFT), not
    below 0, times log(1 + likes)²; fewer neighbours than the recommender's minimum do not count.
    """
    if not person.ratings:
        return Row(recommender, empty=_("Rate a few items, and people like you fill this row."))
    near = nearest(
        recommender.user_similarity_matrix, [person.user_id], recommender.max_similar_users
    ).get(person.user_id, {})
    if not near:
        return _by_items(recommender, person)
    theirs: dict[int, dict[int, float]] = {}
    for user, item, rating in Interaction.objects.filter(user_id__in=list(near)).values_list(
        "user_id", "item_id", "rating"
    ):
        theirs.setdefault(user, {})[item] = rating
    given: dict[int, list[tuple[float, float, float]]] = {}  # similarity, lifted rating, rating
    for user, ratings in theirs.items():
        mean = sum(ratings.values()) / len(ratings)
        best = sorted(ratings.items(), key=lambda pair: (-pair[1], pair[0]))
        for item, rating in best[: recommender.max_items_by_similar_user]:
            if item not in person.hidden:
                given.setdefault(item, []).append((near[user], rating - mean + LIFT, rating))
    enough = {i: g for i, g in given.items() if len(g) >= recommender.min_similar_users}
    likes = dict(Item.objects.filter(pk__in=list(enough)).values_list("id", "likes"))
    scores = {
        i: max(sum(s * r for s, r, _r in enough[i]), 0) * math.log1p(n) ** 2
        for i, n in likes.items()
    }
    items = _in_order(sorted(scores, key=lambda i: (-scores[i], i))[:SHOWN])
    change = _(
        "Other ratings of yours give you other neighbours, when matrices are next computed."
    )
    shown = [
        Shown(
            item,
            _("%(n)d of your %(all)d nearest people rated it, on average %(mean).1f.")
            % {
                "n": len(enough[item.pk]),
                "all": len(theirs),
                "mean": sum(r for _s, _l, r in enough[item.pk]) / len(enough[item.pk]),
            },
            change,
        )
        for item in items
    ]
    return Row(recommender, shown, empty=_("Your nearest people rated nothing new to you."))


def _by_items(recommender: Recommender, person: Person) -> Row:
    """For a person whom the similarities of people do not know yet."""
    liked = sorted(person.ratings.items(), key=lambda pair: (-pair[1], pair[0]))
    mine = [item for item, rating in liked if rating >= person.mean][:SHOWN]
    near = nearest(recommender.item_similarity_matrix, mine, recommender.max_similar_items)
    best: dict[int, tuple[float, int]] = {}
    for source in mine:
        for item, value in near.get(source, {}).items():
            score = value * person.ratings[source]
            if item not in person.hidden and score > best.get(item, (0.0, 0))[0]:
                best[item] = (score, source)
    items = Item.objects.in_bulk([*best, *mine])
    order = sorted((i for i in best if i in items), key=lambda i: (-best[i][0], i))[:SHOWN]
    shown = []
    for i in order:
        source = items.get(best[i][1])
        if source is None:
            continue
        reason = _(
            "People who rate “%(name)s” as you do rate it alike; you gave that %(rating).1f."
        )
        shown.append(
            Shown(
                items[i],
                reason % {"name": source.name, "rating": person.ratings[source.pk]},
                _("Rate “%(name)s” lower, and it goes.") % {"name": source.name},
                source,
            )
        )
    return Row(
        recommender,
        shown,
        empty=_("The similarities have not been computed since you began to rate."),
        note=_("By items like yours: your nearest people are not computed yet."),
    )


Filler = Callable[[Recommender, Person], Row]
FILLERS: dict[int, Filler] = {
    Recommender.Type.POPULAR: popular,
    Recommender.Type.NEW_POPULAR: new_popular,
    Recommender.Type.PROFILE: profile,
    Recommender.Type.COLLABORATIVE: collaborative,
}


def fill(recommender: Recommender, person: Person) -> Row:
    """The row of `recommender` for `person`."""
    filler = FILLERS.get(recommender.type)
    if filler is None:
        return Row(recommender, empty=_("Nothing fills rows of this type here."))
    return filler(recommender, person)
