"""The first page, the pages of errors, and health."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from web.catalog.models import Item
from web.ratings.models import Interaction


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the site is; for a person who is signed in, what to do next."""
    count = 0
    if request.user.is_authenticated:
        count = Interaction.objects.filter(user_id=request.user.pk).count()
    return render(request, "home.html", {"count": count, "items": Item.objects.count()})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form older than the last sign-in, or sent from another site."""
    return render(request, "403_csrf.html", status=403)


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "alive"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """The database answers, and has the tables of this version."""
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return JsonResponse({"status": "down", "message": "the database is away"}, status=503)
    if waiting:
        message = f"run `manage.py migrate`: {len(waiting)} migrations are not applied"
        return JsonResponse({"status": "down", "message": message}, status=503)
    return JsonResponse({"status": "ready"})
