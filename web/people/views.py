"""The account page, and what a person may do with the account."""

from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from web.catalog.counts import recount
from web.people.models import User
from web.people.own_data import own_data
from web.people.removal import end_sessions
from web.ratings.models import Interaction


@require_GET
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Name, addresses, connected providers, and links to all else."""
    return render(
        request,
        "people/account.html",
        {
            "ratings": Interaction.objects.filter(user_id=request.user.pk).count(),
            "connected": SocialAccount.objects.filter(user=request.user),
        },
    )


@require_GET
@login_required
def download(request: HttpRequest) -> JsonResponse:
    """All that the site knows about the person, as JSON."""
    user = User.objects.get(pk=request.user.pk)
    response = JsonResponse(own_data(user), json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@login_required
def delete(request: HttpRequest) -> HttpResponse:
    """Remove the account and all the person rated, after the name is typed, and the password."""
    user = User.objects.get(pk=request.user.pk)
    if request.method == "GET":
        return render(request, "people/delete.html")
    if request.POST.get("username", "") != user.username:
        messages.error(request, _("That is not your user name; nothing was removed."))
        return render(request, "people/delete.html", status=400)
    if user.has_usable_password() and not user.check_password(request.POST.get("password", "")):
        messages.error(request, _("That is not your password; nothing was removed."))
        return render(request, "people/delete.html", status=400)
    with transaction.atomic():
        end_sessions(user.pk)
        user.delete()
    logout(request)
    recount()
    messages.success(request, _("Your account and all you rated are removed."))
    return redirect("home")
