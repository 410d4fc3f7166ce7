"""What is to be asked for, what was, and what was found: one SQLite file, true after any kill."""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_TABLES = """
CREATE TABLE IF NOT EXISTS pages (
    url TEXT PRIMARY KEY, kind TEXT NOT NULL, product TEXT, number INTEGER NOT NULL,
    hops INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS products (
    id TEXT PRIMARY KEY, parent TEXT, url TEXT NOT NULL, said TEXT NOT NULL,
    written INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS reviews (
    product TEXT NOT NULL, number INTEGER NOT NULL, said TEXT NOT NULL,
    PRIMARY KEY (product, number));
"""
KINDS = ("reviews", "variant", "product", "search")
"""Of pages, those first that end a product: a run that is stopped has whole products."""


class Page(NamedTuple):
    """A page to ask for."""

    url: str
    kind: str
    product: str | None
    """The id of the product that a variant or a review belongs to."""
    number: int
    """Of a page of results or reviews, from 1; of others 0."""
    hops: int = 0
    """Redirects that led there."""
    tries: int = 0


class Pages:
    """The file `pages.db` in the directory of a job."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._db = sqlite3.connect(directory / "pages.db")
        self._db.executescript(_TABLES)

    def add(self, page: Page, state: str = "waiting") -> None:
        """A page to ask for; an address that was ever added is left as it is."""
        self._db.execute(
            "INSERT OR IGNORE INTO pages (url, kind, product, number, hops, state) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*page[:5], state),
        )

    def next(self) -> Page | None:
        """The page to ask for now."""
        order = " ".join(f"WHEN '{kind}' THEN {at}" for at, kind in enumerate(KINDS))
        row = self._db.execute(
            "SELECT url, kind, product, number, hops, tries FROM pages WHERE state = 'waiting' "
            f"ORDER BY CASE kind {order} END, rowid LIMIT 1"
        ).fetchone()
        return None if row is None else Page(*row)

    def again(self, url: str) -> None:
        """The site asked to come back later."""
        self._db.execute("UPDATE pages SET tries = tries + 1 WHERE url = ?", (url,))
        self._db.commit()

    def done(self, url: str, state: str = "done") -> None:
        """The page needs not be asked for again; commits whatever was added because of it."""
        self._db.execute("UPDATE pages SET state = ? WHERE url = ?", (state, url))
        self._db.commit()

    def count(self, kind: str) -> int:
        """Pages of that kind, in any state."""
        found = self._db.execute("SELECT count(*) FROM pages WHERE kind = ?", (kind,)).fetchone()
        return int(found[0])

    def states(self) -> dict[str, int]:
        """How many pages are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM pages GROUP BY state"))

    def add_product(self, id_: str, page: Page, said: Mapping[str, Any]) -> bool:
        """What a page says of a product; False where the product was found by another address."""
        found = self._db.execute(
            "INSERT OR IGNORE INTO products (id, parent, url, said) VALUES (?, ?, ?, ?)",
            (id_, page.product, page.url, json.dumps(said)),
        )
        if found.rowcount == 1:
            return True
        # The same page again, after a kill.
        known = self._db.execute("SELECT url FROM products WHERE id = ?", (id_,)).fetchone()
        return bool(known[0] == page.url)

    def add_reviews(self, page: Page, said: Sequence[Mapping[str, Any]]) -> None:
        """The reviews of one page."""
        row = (page.product, page.number, json.dumps(said))
        self._db.execute("INSERT OR REPLACE INTO reviews VALUES (?, ?, ?)", row)

    def write_whole(self, out: Path) -> int:
        """Write OUT/ID.json of each product none of whose pages is waiting; gives how many."""
        rows = self._db.execute(
            "SELECT id, parent, url, said FROM products WHERE NOT written AND NOT EXISTS (SELECT 1"
            " FROM pages WHERE pages.product = products.id AND state = 'waiting')"
        ).fetchall()
        for id_, parent, url, said in rows:
            lists = self._db.execute(
                "SELECT said FROM reviews WHERE product = ? ORDER BY number", (id_,)
            )
            variants = self._db.execute(
                "SELECT id, url FROM products WHERE parent = ? ORDER BY rowid", (id_,)
            )
            whole = {
                "id": id_,
                "product": parent or id_,
                "url": url,
                **json.loads(said),
                "variants": [{"id": variant, "url": at} for variant, at in variants],
                "reviews": [review for (text,) in lists for review in json.loads(text)],
            }
            _write(out / f"{id_}.json", json.dumps(whole, ensure_ascii=False, indent=1))
            self._db.execute("UPDATE products SET written = 1 WHERE id = ?", (id_,))
        self._db.commit()
        return len(rows)


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
