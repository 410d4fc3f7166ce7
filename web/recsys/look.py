"""Light or dark: what the system says, or what a person chose here, in a cookie."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from web.recsys.parts import back

COOKIE = "theme"
THEMES = ("light", "dark")
HALF_STARS = [{"number": n / 2, "text": str(n / 2)} for n in range(1, 11)]
YEAR = 365 * 24 * 3600


def look(request: HttpRequest) -> dict[str, Any]:
    """For every template: `theme`, empty where the system decides, and the ratings to give."""
    theme = request.COOKIES.get(COOKIE, "")
    return {"theme": theme if theme in THEMES else "", "half_stars": HALF_STARS}


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice; anything but light and dark leaves it to the system."""
    response = back(request, "home")
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(
            COOKIE, theme, max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=True
        )
    else:
        response.delete_cookie(COOKIE)
    return response
