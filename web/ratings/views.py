"""The rating page, and a person's own ratings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from web.catalog.counts import recount
from web.catalog.models import Item
from web.people.removal import remove_ratings
from web.ratings import files, visits
from web.ratings.models import Dismissal, Interaction
from web.ratings.store import dismiss, parse_rating, rate, undo
from web.recsys.parts import back, wants_part

PAGE = 50
ACTIONS = ("rate", "skip", "not_interested", "undo")


def _card(user_id: int, item: Item) -> dict[str, object]:
    mine = Interaction.objects.filter(user_id=user_id, item=item).first()
    dismissed = Dismissal.objects.filter(user_id=user_id, item=item).first()
    return {"item": item, "mine": mine, "dismissed": dismissed}


@require_GET
@login_required
def cards(request: HttpRequest) -> HttpResponse:
    """Cards to rate."""
    visit = visits.current(request)
    items = Item.objects.prefetch_related("tags").in_bulk(visit["items"])
    user_id = request.user.pk
    shown = [_card(user_id, items[pk]) for pk in visit["items"] if pk in items]
    count = Interaction.objects.filter(user_id=user_id).count()
    return render(
        request,
        "ratings/cards.html",
        {
            "cards": shown,
            "count": count,
            "first": max(visits.ONBOARDING - count, 0),
        },
    )


@require_POST
@login_required
def more(request: HttpRequest) -> HttpResponse:
    """The next cards."""
    visits.start(request)
    return redirect("rate")


@require_POST
@login_required
def act(request: HttpRequest, item_id: int) -> HttpResponse:
    """Rate, skip, refuse, or take back; answers with the card alone where a script asks."""
    action = request.POST.get("action", "rate")
    user_id = request.user.pk
    if action not in ACTIONS:
        return HttpResponse(_("There is no such action."), status=400)
    try:
        if action == "rate":
            if not request.POST.get("rating"):
                messages.info(request, _("Nothing was chosen, so nothing was stored."))
            else:
                rate(user_id, item_id, parse_rating(request.POST["rating"]))
                visits.rated(request, item_id)
        elif action == "undo":
            undo(user_id, item_id)
        else:
            dismiss(user_id, item_id, action)
        item = Item.objects.prefetch_related("tags").get(pk=item_id)
    except ValueError:
        return HttpResponse(_("A rating is from 0.5 to 5, in halves."), status=400)
    except Item.DoesNotExist:
        if wants_part(request):
            return render(request, "ratings/gone.html", status=404)
        raise Http404(_("This item was removed.")) from None
    if wants_part(request):
        part = (
            "ratings/stars_part.html"
            if request.POST.get("part") == "stars"
            else "ratings/card.html"
        )
        return render(request, part, {"card": _card(user_id, item)})
    return back(request, "rate")


@require_GET
@login_required
def mine(request: HttpRequest) -> HttpResponse:
    """What the person rated and dismissed."""
    ratings = Interaction.objects.filter(user_id=request.user.pk).select_related("item")
    dismissed = Dismissal.objects.filter(user_id=request.user.pk).select_related("item")
    return render(
        request,
        "ratings/mine.html",
        {
            "page": Paginator(ratings.order_by("-updated_at", "-id"), PAGE).get_page(
                request.GET.get("page")
            ),
            "dismissed": dismissed.order_by("-created_at", "-id")[:PAGE],
            "megabytes": files.MOST_BYTES // 1024**2,
        },
    )


@require_GET
@login_required
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The person's ratings as CSV."""
    response = StreamingHttpResponse(files.export(request.user.pk), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="ratings.csv"'
    return response


@require_POST
@login_required
def load(request: HttpRequest) -> HttpResponse:
    """Import a CSV file, whole or not at all."""
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, _("Choose a file first."))
    elif (file.size or 0) > files.MOST_BYTES:
        messages.error(
            request,
            _("The file has %(size)d bytes; at most %(most)d are read.")
            % {"size": file.size, "most": files.MOST_BYTES},
        )
    else:
        done = files.load(request.user.pk, file.read())
        for error in done.errors:
            messages.error(request, error)
        if done.errors:
            messages.error(request, _("Nothing was imported."))
        else:
            messages.success(
                request,
                _("%(added)d added, %(changed)d changed, %(same)d the same as before.")
                % {"added": done.added, "changed": done.changed, "same": done.same},
            )
    return redirect("my_ratings")


@require_POST
@login_required
@permission_required("people.reset_interactions", raise_exception=True)
def reset(request: HttpRequest) -> HttpResponse:
    """Remove all own ratings, and what was computed of them."""
    with transaction.atomic():
        n = remove_ratings(request.user.pk)
    recount()
    messages.success(
        request, ngettext("%(n)d rating is removed.", "%(n)d ratings are removed.", n) % {"n": n}
    )
    return redirect("my_ratings")
