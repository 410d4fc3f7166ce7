"""MovieLens (movies.csv, ratings.csv) and plain CSV (items.csv, ratings.csv) directories."""

import csv
from collections.abc import Iterator
from pathlib import Path

from .rows import LoadError, Rows, number


def _records(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[dict[str, str], str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise LoadError(f"{path}: lacks the column {missing[0]}")
            for record in reader:
                yield record, f"{path.name}:{reader.line_num}"
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LoadError(f"{path}: cannot be read ({error})") from None


def movielens(path: Path) -> Rows:
    """A directory of MovieLens; descriptions and pictures from items.csv where it is there."""
    texts = {}
    if (path / "items.csv").exists():
        texts = {r["id"]: r for r, _ in _records(path / "items.csv", ("id",))}
    return _read(path, "movies.csv", ("movieId", "title", "genres"), texts)


def plain(path: Path) -> Rows:
    """items.csv (id, name; tags, description, image), ratings.csv (user, item, rating)."""
    return _read(path, "items.csv", ("id", "name", "tags"), {})


def _read(
    path: Path, file: str, names: tuple[str, str, str], texts: dict[str, dict[str, str]]
) -> Rows:
    id_, name, tags = names
    rows = Rows()
    for record, where in _records(path / file, (id_, name)):
        key, title = number(record[id_]), (record[name] or "").strip()
        if not key or not title or key in rows.items:
            rows.drop("item without an id of its own or a name", where)
            continue
        more = texts.get(record[id_], record)
        words = [w.strip() for w in (record.get(tags) or "").split("|")]
        rows.items[key] = {
            "name": title,
            "description": more.get("description") or "",
            "image": more.get("image") or "",
            "tags": [w for w in words if w and w != "(no genres listed)"],
        }
    user, item = ("userId", "movieId") if file == "movies.csv" else ("user", "item")
    for record, where in _records(path / "ratings.csv", (user, item, "rating")):
        rows.rate(
            number(record[user]),
            number(record[item]),
            record["rating"],
            record.get("timestamp"),
            where,
        )
    return rows
