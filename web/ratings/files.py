"""One's own ratings as a file, out and in: CSV with the columns item, name, rating, time."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from web.catalog.counts import recount
from web.catalog.models import Item
from web.ratings.models import Interaction
from web.ratings.store import parse_rating

MOST_BYTES = 1024 * 1024
MOST_ERRORS = 20
LARGEST_ID = 2**63 - 1
COLUMNS = ["item", "name", "rating", "time"]
ITEM_COLUMNS = ("item", "movieId")


class _Line:
    """A file for `csv` that gives each line back."""

    def write(self, text: str) -> str:
        return text


def plain(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def export(user_id: int) -> Iterator[str]:
    """The lines of the file."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    mine = Interaction.objects.filter(user_id=user_id).select_related("item").order_by("id")
    for one in mine.iterator(2000):
        yield writer.writerow(
            [one.item_id, plain(one.item.name), one.rating, one.created_at.isoformat()]
        )


class Imported(NamedTuple):
    """What an import did; with `errors`, it did nothing."""

    added: int
    changed: int
    same: int
    errors: list[str]


class _Row(NamedTuple):
    item: int
    rating: float
    time: datetime | None


def _time(text: str) -> datetime | None:
    if not text:
        return None
    if text.isdecimal():  # MovieLens: seconds since 1970
        return datetime.fromtimestamp(int(text), UTC)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def read(data: bytes) -> tuple[dict[int, _Row], list[str]]:
    """The rows of a file by item, and what is wrong with it; the last row of an item counts."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {}, [_("The file is not UTF-8 text.")]
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = reader.fieldnames or []
        item_column = next((name for name in ITEM_COLUMNS if name in columns), None)
        if item_column is None or "rating" not in columns:
            return {}, [_("The first line must name the columns item and rating.")]
        rows: dict[int, _Row] = {}
        errors: list[str] = []
        for record in reader:
            try:
                item = int(record[item_column] or "")
                if not 0 < item <= LARGEST_ID:
                    raise ValueError(item)
                time = _time((record.get("time") or record.get("timestamp") or "").strip())
                rows[item] = _Row(item, parse_rating(record["rating"] or ""), time)
            except (ValueError, OverflowError, OSError):
                errors.append(
                    _("Line %(line)d: an item's number and a rating of 0.5 to 5 in halves.")
                    % {"line": reader.line_num}
                )
                if len(errors) == MOST_ERRORS:
                    break
    except csv.Error as error:
        return {}, [_("The file is no CSV: %(error)s") % {"error": error}]
    known = set(Item.objects.filter(pk__in=list(rows)).values_list("pk", flat=True))
    unknown = [str(item) for item in rows if item not in known]
    if unknown:
        errors.append(
            _("%(n)d items are not in the catalogue: %(items)s")
            % {"n": len(unknown), "items": ", ".join(unknown[:MOST_ERRORS])}
        )
    return rows, errors


def load(user_id: int, data: bytes) -> Imported:
    """Import a file whole, or, with a single error in it, not at all."""
    rows, errors = read(data)
    if errors:
        return Imported(0, 0, 0, errors)
    added = changed = same = 0
    with transaction.atomic():
        mine = Interaction.objects.filter(user_id=user_id, item__in=list(rows))
        known = {one.item_id: one for one in mine}
        fresh = []
        for row in rows.values():
            old = known.get(row.item)
            if old is None:
                one = Interaction(user_id=user_id, item_id=row.item, rating=row.rating)
                one.created_at = row.time or one.created_at
                fresh.append(one)
            elif old.rating == row.rating:
                same += 1
            else:
                old.rating, old.revision = row.rating, old.revision + 1
                old.save(update_fields=["rating", "revision", "updated_at"])
                changed += 1
        added = len(Interaction.objects.bulk_create(fresh, 2000))
    if added or changed:
        recount()
    return Imported(added, changed, same, [])
