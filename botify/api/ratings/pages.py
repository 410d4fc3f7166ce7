"""What the page of a user's recommendations shows, on the ratings face."""

from typing import Any

from botify.api.html_pages import Pages
from botify.ratings.explain import Rated, described, liked, reasons
from botify.ratings.request import DEFAULT_TOP, DEFAULT_USER
from botify.ratings.service import FALLBACK, Answer

MOST_LIKED = 10
"""Items that a page shows of those that the user liked before."""


def rating_pages() -> Pages:
    """The pages of this face."""
    return Pages({"default_user": DEFAULT_USER, "default_top": DEFAULT_TOP})


def details(answer: Answer) -> dict[str, Any]:
    """An answer with titles, years, genres, what the user liked before, and reasons."""
    items = answer.snapshot.items

    def rated(each: Rated) -> dict[str, Any]:
        item = described(items[each.number])
        return {"item": item["item"], "title": item["title"], "year": item["year"],
                "rating": each.rating}  # fmt: skip

    recommended = zip(answer.numbers, answer.ratings, reasons(answer), strict=True)
    return {
        "user": answer.request.user,
        "recommendations": [
            {
                **described(items[number]),
                "rating": rating,
                "because": [rated(each) for each in because],
            }
            for number, rating, because in recommended
        ],
        "liked": [rated(each) for each in liked(answer.user, MOST_LIKED)],
        "n_rated": 0 if answer.user is None else len(answer.user.rated),
        "cold": answer.cold,
        "fallback": answer.recommender == FALLBACK,
        "recommender": answer.recommender,
        "model_version": answer.snapshot.version,
    }
