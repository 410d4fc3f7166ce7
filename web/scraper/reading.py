"""What a page says, by the selectors of the config. Pure functions."""

import re
from typing import Any

from parsel import Selector

from .config import Product, Reviews

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class UnreadableError(ValueError):
    """A page that lacks what it must have: its markup may have changed."""


def links(page: Selector, css: str | None) -> list[str]:
    """The addresses of a selector, as they are written, each once."""
    return list(dict.fromkeys(page.css(css).getall())) if css else []


def product(page: Selector, css: Product) -> tuple[str, dict[str, Any]]:
    """The id, and what is said of a product; raises UnreadableError without id or title.

    The id names a file, so that one with other than letters, digits, ".", "_", "-" is refused.
    """
    id_, title = _text(page, css.id), _text(page, css.title)
    if not _SAFE.fullmatch(id_):
        raise UnreadableError(f"the id {id_[:50]!r} is none" if id_ else "there is no id")
    if not title:
        raise UnreadableError("there is no title")
    return id_, {
        "title": title,
        "description": _text(page, css.description),
        "price": _number(_text(page, css.price)),
        "rating": _number(_text(page, css.rating)),
        "reviews_count": _count(_text(page, css.reviews_count)),
        "images": links(page, css.images),
        "tags": [" ".join(tag.split()) for tag in links(page, css.tags)],
    }


def reviews(page: Selector, css: Reviews) -> list[dict[str, Any]]:
    """The reviews of a page: user, rating, message.

    Raises UnreadableError for a review without user or rating, which is no rating of anyone.
    """
    found = []
    for each in page.css(css.each):
        user, rating = _text(each, css.user), _number(_text(each, css.rating))
        if not user or rating is None:
            raise UnreadableError("a review has no user or no rating")
        found.append({"user": user, "rating": rating, "message": _text(each, css.message)})
    return found


def _text(page: Selector, css: str | None) -> str:
    return " ".join(" ".join(page.css(css).getall()).split()) if css else ""


def _number(text: str) -> float | None:
    """The first number, a comma before three digits being no decimal comma."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    whole = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", found[0]).replace(",", ".")
    return float(whole) if whole.count(".") < 2 else None


def _count(text: str) -> int | None:
    digits = "".join(_NUMBER.findall(text)[:1])
    return int(re.sub(r"\D", "", digits)) if digits else None
