"""The recommendations page, and the quality page for staff."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from web.people.ids import FIRST_ACCOUNT_ID
from web.people.models import User
from web.ratings.models import Interaction
from web.recommendations.cells import nearest
from web.recommendations.charts import bars, graph
from web.recommendations.ladder import ordered, ratings_needed, step
from web.recommendations.models import EvaluationMetric, Recommender, SimilarityMatrix
from web.recommendations.person import Person, load_person
from web.recommendations.quality import mean_of_people
from web.recommendations.rows import Row, fill

DAYS = 30
NEAREST = 20


def rows_of(person: Person) -> list[Row]:
    """The rows in their order; one that the ladder does not give yet says what it waits for."""
    needed = ratings_needed()
    count = len(person.ratings)
    rows = []
    for recommender in ordered():
        wait = needed.get(recommender.pk, 0) - count
        if wait > 0:
            text = ngettext("Rate %(n)d more item.", "Rate %(n)d more items.", wait) % {"n": wait}
            rows.append(Row(recommender, empty=text))
        else:
            rows.append(fill(recommender, person))
    return rows


@require_GET
@login_required
def recommendations(request: HttpRequest) -> HttpResponse:
    """A row for each recommender."""
    person = load_person(request.user.pk)
    chosen = step(len(person.ratings))
    return render(
        request,
        "recommendations/rows.html",
        {
            "rows": rows_of(person),
            "count": len(person.ratings),
            "chosen": chosen.recommender if chosen else None,
        },
    )


def _names(people: list[int]) -> dict[int, str]:
    """Accounts by their name; people of a data set by their number."""
    accounts = User.objects.filter(pk__in=[p for p in people if p >= FIRST_ACCOUNT_ID])
    return {**{p: f"#{p}" for p in people}, **dict(accounts.values_list("pk", "username"))}


def _graph(person: int, matrix: SimilarityMatrix) -> dict[str, Any]:
    near = nearest(matrix, [person], NEAREST).get(person, {})
    among = nearest(matrix, list(near), NEAREST)
    links = {(a, b): v for a in near for b, v in among.get(a, {}).items() if b in near and a < b}
    names = _names([person, *near])
    title = _("The %(n)d nearest people of %(name)s") % {"n": len(near), "name": names[person]}
    return {
        "drawing": graph(person, near, links, names, title),
        "near": [(names[other], value) for other, value in near.items()],
        "title": title,
    }


@require_GET
@login_required
def quality(request: HttpRequest) -> HttpResponse:
    """nDCG of visits by recommender, ratings a day, and a person's nearest people."""
    if not (request.user.is_staff or request.user.has_perm("people.info")):
        raise PermissionDenied
    since = timezone.now() - timedelta(days=DAYS)
    visits: dict[int | None, list[tuple[int, float]]] = {}
    alike = 0
    for recommender, person, value, equal in EvaluationMetric.objects.filter(
        datetime__gte=since
    ).values_list("recommender", "user_id", "value", "all_equal"):
        if equal:
            alike += 1
        else:
            visits.setdefault(recommender, []).append((person, value))
    recommenders = Recommender.objects.in_bulk([key for key in visits if key is not None])
    means = [(recommenders.get(key or 0), mean_of_people(found)) for key, found in visits.items()]
    days = {
        (timezone.now() - timedelta(days=back)).date().isoformat(): 0
        for back in reversed(range(DAYS))
    }
    counted = Interaction.objects.filter(created_at__gte=since).annotate(
        day=TruncDate("created_at")
    )
    for day, n in counted.values_list("day").annotate(n=Count("*")).order_by():
        if day.isoformat() in days:
            days[day.isoformat()] = n
    matrices = SimilarityMatrix.objects.filter(
        type=SimilarityMatrix.Type.USER_TO_USER, version__gt=0
    )
    asked = request.GET.get("person", "").strip()
    person = int(asked) if asked.isdecimal() and len(asked) < 19 else request.user.pk
    return render(
        request,
        "recommendations/quality.html",
        {
            "means": means,
            "alike": alike,
            "days": DAYS,
            "bars": bars(days, _("Ratings a day")),
            "counts": days,
            "graphs": [(matrix, _graph(person, matrix)) for matrix in matrices],
            "person": person,
        },
    )
