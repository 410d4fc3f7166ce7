"""Ratings in bulk: added, or changed where the person has rated the item already."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied

from web.api.bulk.records import Record, RecordError, Records
from web.api.bulk.table import NAME, sql, uploaded
from web.api.rest.fields import read_id
from web.catalog.counts import recount
from web.people.ids import FIRST_ACCOUNT_ID
from web.ratings.models import HIGHEST, LOWEST, STEP, Interaction

KEYS = ("user", "item", "rating", "suitable_to_train", "created_at")
READ_ONLY = ("id",)
FIELDS = [
    Interaction._meta.get_field(name)
    for name in ("user_id", "item", "rating", "suitable_to_train", "created_at")
]
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
FEW = 100
"""Up to so many items are counted one by one; the popularity of all waits for the next full count."""

SAME = "t.user_id = u.user_id AND t.item_id = u.item_id"
DIFFERS = "(t.rating <> u.rating OR t.suitable_to_train <> u.suitable_to_train)"
TABLE = "ratings_interaction"
UPSERT = f"""
INSERT INTO {TABLE}
(user_id, item_id, rating, suitable_to_train, created_at, updated_at, revision)
SELECT user_id, item_id, rating, suitable_to_train, COALESCE(created_at, %s), %s, 1
FROM {NAME} WHERE 1 = 1 """
ON_CONFLICT = f"""
ON CONFLICT (user_id, item_id) DO UPDATE SET
rating = excluded.rating, suitable_to_train = excluded.suitable_to_train,
updated_at = excluded.updated_at, revision = {TABLE}.revision + 1
WHERE {TABLE}.rating <> excluded.rating
OR {TABLE}.suitable_to_train <> excluded.suitable_to_train"""
# MariaDB assigns from left to right, so what is compared changes last.
_CHANGES = f"""({TABLE}.rating <> VALUES(rating)
OR {TABLE}.suitable_to_train <> VALUES(suitable_to_train))"""
ON_DUPLICATE_KEY = f"""
ON DUPLICATE KEY UPDATE revision = {TABLE}.revision + {_CHANGES},
updated_at = IF({_CHANGES}, VALUES(updated_at), {TABLE}.updated_at),
rating = VALUES(rating), suitable_to_train = VALUES(suitable_to_train)"""


@dataclass
class Stored:
    """What an upload did. `same` were as they are already."""

    received: int
    added: int
    changed: int
    same: int


def _rating(value: Any) -> float:
    try:
        rating = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        rating = math.nan
    if not LOWEST <= rating <= HIGHEST or rating % STEP:
        more = ", and what was not rated is left out" if rating == 0 else ""
        raise ValueError(f"rating is from {LOWEST} to {HIGHEST} in steps of {STEP}{more}")
    return rating


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = TRUTHS.get(str(value).lower())
    if found is None:
        raise ValueError("suitable_to_train is true or false")
    return found


def _time(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("created_at is a time such as 2026-01-31T12:00:00Z") from None


def _id(record: Record, key: str) -> int:
    try:
        return read_id(record.get(key))
    except ValueError as error:
        raise ValueError(f"{key} is {error}") from None


def rows(records: Records, word: str, own: int, others: bool) -> Iterator[tuple[Any, ...]]:
    """The rows of records, checked. Without `user` a rating is one's `own`.

    Raises RecordError, which names the line, and PermissionDenied for ratings of other people
    where `others` is false.
    """
    for number, record in records:
        try:
            unknown = record.keys() - set(KEYS) - set(READ_ONLY)
            if unknown:
                raise ValueError(f"{min(unknown)} is unknown; known are {', '.join(KEYS)}")
            user = own if record.get("user") is None else _id(record, "user")
            if user != own and not others:
                raise PermissionDenied(f"{word} {number}: is a rating of user {user}, not yours")
            yield (
                number,
                user,
                _id(record, "item"),
                _rating(record.get("rating")),
                _truth(record.get("suitable_to_train", True)),
                FIELDS[-1].get_db_prep_save(_time(record.get("created_at")), connection),
            )
        except ValueError as error:
            raise RecordError(f"{word} {number}: {error}") from None


def _refuse(cursor: Any, word: str) -> None:
    """Raises RecordError where an item or an account is not there."""
    for query, what in (
        (
            f"SELECT u.line, u.item_id FROM {NAME} u LEFT JOIN catalog_item i ON i.id = u.item_id "
            "WHERE i.id IS NULL ORDER BY u.line LIMIT 1",
            "item",
        ),
        (
            f"SELECT u.line, u.user_id FROM {NAME} u LEFT JOIN people_user p ON p.id = u.user_id "
            f"WHERE p.id IS NULL AND u.user_id >= {FIRST_ACCOUNT_ID} ORDER BY u.line LIMIT 1",
            "account",
        ),
    ):
        cursor.execute(query)
        if found := cursor.fetchone():
            raise RecordError(f"{word} {found[0]}: there is no {what} {found[1]}")


def _refuse_repeated(cursor: Any, word: str) -> None:
    cursor.execute(
        f"SELECT MIN(line), MAX(line) FROM {NAME} GROUP BY user_id, item_id "
        "HAVING COUNT(*) > 1 ORDER BY MAX(line) LIMIT 1"
    )
    if found := cursor.fetchone():
        raise RecordError(
            f"{word} {found[1]}: rates what {word} {found[0]} rates already; which one counts "
            "cannot be told"
        )


def store(
    given: Iterable[tuple[Any, ...]], word: str, echo: bool = False
) -> tuple[Stored, list[Interaction]]:
    """Store all rows or none; with `echo`, gives them as they are now, in their order.

    Raises RecordError for rows of unknown items or accounts, and for two rows of one rating.
    """
    with uploaded(FIELDS, given) as received, connection.cursor() as cursor:
        _refuse_repeated(cursor, word)
        with transaction.atomic():
            _refuse(cursor, word)
            cursor.execute(
                f"SELECT COUNT(*), COALESCE(SUM(CASE WHEN {DIFFERS} THEN 1 ELSE 0 END), 0) "
                f"FROM {NAME} u JOIN {TABLE} t ON {SAME}"
            )
            known, changed = cursor.fetchone()
            now = connection.ops.adapt_datetimefield_value(timezone.now())
            tail = ON_DUPLICATE_KEY if connection.vendor == "mysql" else ON_CONFLICT
            cursor.execute(UPSERT + tail, [now, now])
            # Who rates an item takes back that it was passed over.
            cursor.execute(
                f"DELETE FROM ratings_dismissal WHERE EXISTS (SELECT 1 FROM {NAME} u WHERE "
                "u.user_id = ratings_dismissal.user_id AND u.item_id = ratings_dismissal.item_id)"
            )
        cursor.execute(f"SELECT DISTINCT item_id FROM {NAME} LIMIT {FEW + 1}")
        items = [item for (item,) in cursor.fetchall()]
        shown = []
        if echo:
            shown = list(
                Interaction.objects.raw(
                    f"SELECT t.* FROM {TABLE} t JOIN {NAME} u ON {SAME} ORDER BY u.line"
                )
            )
    for item in items if len(items) <= FEW else [None]:
        recount(item)
    return Stored(received, received - known, int(changed), known - int(changed)), shown
