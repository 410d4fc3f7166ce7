"""What every answer tells the browser about what it may load, run and keep."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]
MOST_BYTES = 2 * 1024 * 1024
"""Of a form, its file included. The API has limits of its own."""


def limit_forms(get_response: Answer) -> Answer:
    """Refuse a large body before it is read: the check of the token would store it first."""

    def middleware(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        api = request.path_info.startswith("/api/")
        if not api and (not length.isdecimal() or int(length) > MOST_BYTES):
            return HttpResponse(f"at most {MOST_BYTES} bytes\n", "text/plain", 413)
        return get_response(request)

    return middleware


def content_security_policy(get_response: Answer) -> Answer:
    """Scripts and styles of this site alone; pictures of items from any HTTPS address."""
    forms = " ".join(["'self'", *settings.FORM_TARGETS])
    policy = (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; "
        f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
    )

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware


def private_pages(get_response: Answer) -> Answer:
    """No shared cache and no `back` after signing out shows a signed-in person's page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            response.headers["Cache-Control"] = "no-store"
        return response

    return middleware
