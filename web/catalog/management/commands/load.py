"""`manage.py load SOURCE PATH`: a catalogue and its ratings from files."""

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from web.catalog.loading.documents import books, scraped, sneakers
from web.catalog.loading.rows import LoadError
from web.catalog.loading.tables import movielens, plain
from web.catalog.loading.write import keep, write

SOURCES = {
    "movielens": movielens,
    "books": books,
    "sneakers": sneakers,
    "csv": plain,
    "scraped": scraped,
}


class Command(BaseCommand):
    help = "Load items and ratings. What is there already is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", choices=SOURCES)
        parser.add_argument("path", type=Path, help="looked for in BOTIFY_DATA too")
        parser.add_argument("--min-popularity", type=float, default=0.0, help="of an item, 0 to 1")
        parser.add_argument("--min-activity", type=int, default=1, help="ratings of a user")

    def handle(self, *_: Any, **options: Any) -> None:
        path = options["path"]
        if not path.exists() and "BOTIFY_DATA" in os.environ:
            path = Path(os.environ["BOTIFY_DATA"]) / path
        try:
            rows = SOURCES[options["source"]](path)
            read = len(rows.items), len(rows.ratings)
            if not rows.items:
                raise LoadError(f"{path}: has no item that can be loaded")
            keep(rows, options["min_popularity"], options["min_activity"])
            made = write(rows, self._progress)
        except LoadError as error:
            raise CommandError(str(error), returncode=2) from None
        for reason, (count, first) in rows.dropped.items():
            self.stderr.write(f"dropped {count}: {reason} (first: {first})")
        left = read[0] - len(rows.items), read[1] - len(rows.ratings)
        if any(left):
            self.stdout.write(f"left out by the filters: {left[0]} items, {left[1]} ratings")
        if not any(made.values()):
            self.stdout.write("nothing changed")
        else:
            self.stdout.write(
                f"{made['items']} new items, {made['ratings']} new ratings, "
                f"{made['changed']} changed ratings"
            )

    def _progress(self, what: str, done: int, of: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{what}: {done} of {of}", ending="\n" if done == of else "")
