"""Pages of items."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from web.catalog.covers import cover
from web.catalog.forms import ItemForm
from web.catalog.models import Item, Tag
from web.catalog.search import find, split_tags
from web.ratings.models import Interaction
from web.recommendations.similar import similar_items

PAGE = 24
MOST_TAGS_SHOWN = 30


def _query(words: str, tags: list[str]) -> str:
    query = QueryDict(mutable=True)
    if words:
        query["q"] = words
    query.setlist("tag", tags)
    return query.urlencode()


def _tag_links(words: str, chosen: list[str]) -> list[dict[str, str]]:
    """Each tag with what a click does: any, then wanted, then excluded, then any again."""
    wanted, excluded = split_tags(chosen)
    common = Tag.objects.annotate(n=Count("items")).filter(n__gt=0).order_by("-n", "name")
    names = dict.fromkeys([*wanted, *excluded, *(t.name for t in common[:MOST_TAGS_SHOWN])])
    links = []
    for name in names:
        others = [tag for tag in chosen if tag.lstrip("-") != name]
        if name in wanted:
            state, then = "wanted", [*others, f"-{name}"]
        elif name in excluded:
            state, then = "excluded", others
        else:
            state, then = "any", [*others, name]
        links.append({"name": name, "state": state, "query": _query(words, then)})
    return links


@require_GET
@login_required
def items(request: HttpRequest) -> HttpResponse:
    """The catalogue: `?q=words&tag=a&tag=-b&page=2`."""
    words = request.GET.get("q", "").replace("\0", "").strip()[:200]
    # PostgreSQL takes no NUL in a text.
    tags = [tag.replace("\0", "") for tag in request.GET.getlist("tag")]
    chosen = [tag for tag in tags if tag.strip("- ")][:20]
    found = find(words, chosen).order_by("-popularity", "id").prefetch_related("tags")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    mine = Interaction.objects.filter(user_id=request.user.pk, item__in=[i.pk for i in page])
    rated = dict(mine.values_list("item_id", "rating"))
    for item in page:
        item.mine = rated.get(item.pk)
    return render(
        request,
        "catalog/items.html",
        {
            "page": page,
            "words": words,
            "chosen": chosen,
            "tags": _tag_links(words, chosen),
            "query": _query(words, chosen),
        },
    )


@require_GET
@login_required
def detail(request: HttpRequest, item_id: int) -> HttpResponse:
    """An item, the person's own rating of it, and similar items by each model."""
    item = get_object_or_404(Item.objects.prefetch_related("tags"), pk=item_id)
    mine = Interaction.objects.filter(user_id=request.user.pk, item=item).first()
    return render(
        request,
        "catalog/item.html",
        {"item": item, "mine": mine, "similar": similar_items(item), "return_to": request.path},
    )


@require_http_methods(["GET", "POST"])
@login_required
@permission_required("catalog.add_item", raise_exception=True)
def create(request: HttpRequest) -> HttpResponse:
    """Add an item."""
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
@login_required
@permission_required("catalog.change_item", raise_exception=True)
def edit(request: HttpRequest, item_id: int) -> HttpResponse:
    """Change an item."""
    return _edit(request, get_object_or_404(Item, pk=item_id))


def _edit(request: HttpRequest, item: Item | None) -> HttpResponse:
    form = ItemForm(request.POST or None, instance=item)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        return redirect("item", saved.pk)
    status = 400 if request.method == "POST" else 200
    return render(request, "catalog/edit.html", {"form": form, "item": item}, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@permission_required("catalog.delete_item", raise_exception=True)
def remove(request: HttpRequest, item_id: int) -> HttpResponse:
    """Ask, then remove an item with all its ratings."""
    item = get_object_or_404(Item, pk=item_id)
    if request.method == "POST":
        item.delete()
        messages.success(request, _("“%(name)s” is removed.") % {"name": item.name})
        return redirect("items")
    return render(request, "catalog/remove.html", {"item": item})


@require_GET
def drawn_cover(request: HttpRequest, item_id: int) -> HttpResponse:
    """The cover of an item that has no picture, or whose picture cannot be loaded."""
    item = get_object_or_404(Item.objects.only("name"), pk=item_id)
    response = HttpResponse(cover(item.pk, item.name), content_type="image/svg+xml")
    response["Cache-Control"] = "private, max-age=3600"
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'none'"
    return response
