"""Answers to forms: a part of the page where our script asks for it, else a page to go back to."""

from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme


def wants_part(request: HttpRequest) -> bool:
    """Whether our script sent the form, and puts the answer in the form's place."""
    return request.headers.get("X-Part") == "1"


def back(request: HttpRequest, default: str) -> HttpResponseRedirect:
    """To the page of this site that `next` names; to `default` where it names another site's."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        target = resolve_url(default)
    return redirect(target)
