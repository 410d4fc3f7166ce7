"""A visit of the rating page: which items it shows, in which order, kept in the session.

The page stays the same when it is loaded again, and `back` finds the card that was there.
"""

import uuid
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from web.ratings.models import Interaction
from web.ratings.picks import set_aside, telling
from web.recommendations.ladder import step
from web.recommendations.person import load_person
from web.recommendations.quality import record_visit
from web.recommendations.rows import fill

KEY = "visit"
ONBOARDING = 10
"""Below so many ratings, the items that tell most are shown, and no recommender is judged."""
CARDS = 6


def start(request: HttpRequest) -> dict[str, Any]:
    """Begin a visit with items that the person has not rated."""
    user_id = request.user.pk
    count = Interaction.objects.filter(user_id=user_id).count()
    items: list[int] = []
    recommender = None
    if count >= ONBOARDING and (found := step(count)):
        known = set_aside(user_id)
        row = fill(found.recommender, load_person(user_id))
        items = [shown.item.pk for shown in row.items if shown.item.pk not in known]
        items = items[: found.n_items_by_session]
        recommender = found.recommender_id if items else None
    if not items:
        items = telling(user_id, CARDS)
    visit = {
        "id": str(uuid.uuid4()),
        "items": items,
        "recommender": recommender,
        "started": timezone.now().isoformat(),
    }
    request.session[KEY] = visit
    return visit


def current(request: HttpRequest) -> dict[str, Any]:
    """The visit that the session has, or a new one."""
    visit = request.session.get(KEY)
    return visit if visit and visit["items"] else start(request)


def rated(request: HttpRequest, item_id: int) -> None:
    """Measure the visit again, after a rating of one of its items."""
    visit = request.session.get(KEY)
    if not visit or not visit["recommender"] or item_id not in visit["items"]:
        return
    started = parse_datetime(visit["started"])
    given = dict(
        Interaction.objects.filter(
            user_id=request.user.pk, item__in=visit["items"], updated_at__gte=started
        ).values_list("item_id", "rating")
    )
    record_visit(
        request.user.pk,
        uuid.UUID(visit["id"]),
        visit["recommender"],
        [given[item] for item in visit["items"] if item in given],
    )
