"""Sources of JSON: reviews of books, sneakers, and what the scraper wrote."""

import json
from pathlib import Path
from typing import Any

from .rows import LoadError, Rows, hashed, lines


def _object(text: str, where: str, rows: Rows) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    rows.drop("no JSON object", where)
    return {}


def _item(rows: Rows, found: dict[str, Any], source: str, where: str) -> int | None:
    key, title = found.get("id"), found.get("title")
    if not isinstance(key, str) or not key or not isinstance(title, str) or not title.strip():
        rows.drop("item without an id or a title", where)
        return None
    images = found.get("images") or [found.get("image")]
    id_ = hashed(f"{source}:{key}")
    if id_ in rows.items:
        rows.drop("second item of an id", where)
        return None
    rows.items[id_] = {
        "name": title.strip(),
        "description": _text(rows, found.get("description"), "description", where),
        "image": _text(rows, _first(images), "image", where),
        "tags": _tags(rows, found.get("tags"), where),
    }
    return id_


def _first(images: Any) -> Any:
    if isinstance(images, list):
        return images[0] if images else None
    return images


def _text(rows: Rows, value: Any, what: str, where: str) -> str:
    if value is not None and not isinstance(value, str):
        rows.drop(f"{what} that is no text (the item is kept)", where)
        return ""
    return value or ""


def _tags(rows: Rows, value: Any, where: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        rows.drop("tags that are no list of texts (the item is kept)", where)
        return []
    return [tag for tag in value if tag]


def books(path: Path) -> Rows:
    """Lines of reviewerID, asin, overall, unixReviewTime; a book is named by its asin."""
    rows = Rows()
    for text, where in lines(path):
        found = _object(text, where, rows)
        if not found:
            continue
        asin, user = found.get("asin"), found.get("reviewerID")
        if not asin or not user:
            rows.drop("review without reviewerID or asin", where)
            continue
        item = hashed(f"books:{asin}")
        rows.items.setdefault(
            item, {"name": str(asin), "description": "", "image": "", "tags": []}
        )
        when = found.get("unixReviewTime")
        rows.rate(rows.user(f"books:{user}"), item, found.get("overall"), when, where)
    return rows


def sneakers(path: Path) -> Rows:
    """items.jsonl, or its directory; a catalogue without ratings."""
    rows = Rows()
    for text, where in lines(path / "items.jsonl" if path.is_dir() else path):
        if found := _object(text, where, rows):
            _item(rows, found, "sneakers", where)
    return rows


def scraped(path: Path) -> Rows:
    """The scraper's directory. Reviewers are display names, so their ratings train nothing."""
    rows = Rows(suitable_to_train=False)
    files = sorted(path.glob("*.json"))
    if not files:
        raise LoadError(f"{path}: has no product (ID.json) of the scraper")
    for file in files:
        text = "".join(line for line, _ in lines(file))
        found = _object(text, file.name, rows)
        item = _item(rows, found, "scraped", file.name) if found else None
        for at, review in enumerate(found.get("reviews") or [] if item else [], 1):
            where = f"{file.name}, review {at}"
            if not isinstance(review, dict) or not review.get("user"):
                rows.drop("review without a user", where)
                continue
            user = rows.user(f"scraped:{review['user']}")
            rows.rate(user, item or 0, review.get("rating"), None, where)
    return rows
