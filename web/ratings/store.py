"""Every write of a person's ratings and dismissals on the screens goes through here."""

import math

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from web.catalog.counts import recount
from web.catalog.models import Item
from web.ratings.models import HIGHEST, LOWEST, STEP, Dismissal, Interaction


def parse_rating(text: str) -> float:
    """A rating of 0.5 to 5 in halves. Raises ValueError for all else, 0 included."""
    value = float(text)
    if not math.isfinite(value) or not LOWEST <= value <= HIGHEST or value % STEP:
        raise ValueError(f"{text}: no rating from {LOWEST} to {HIGHEST} in steps of {STEP}")
    return value


def rate(user_id: int, item_id: int, value: float) -> None:
    """Store a rating, new or changed; a dismissal of the item is taken back.

    Raises Item.DoesNotExist for an item that is not there, or was removed meanwhile.
    """
    try:
        with transaction.atomic():
            if not Item.objects.filter(pk=item_id).exists():
                raise Item.DoesNotExist
            if not _change(user_id, item_id, value):
                try:
                    with transaction.atomic():
                        Interaction.objects.create(user_id=user_id, item_id=item_id, rating=value)
                except IntegrityError:  # another tab was first
                    _change(user_id, item_id, value)
            Dismissal.objects.filter(user_id=user_id, item_id=item_id).delete()
            recount(item_id)
    except IntegrityError:
        raise Item.DoesNotExist from None


def _change(user_id: int, item_id: int, value: float) -> bool:
    """Change a rating that is there; one that is the same already is no change."""
    mine = Interaction.objects.filter(user_id=user_id, item_id=item_id)
    changed = mine.exclude(rating=value).update(
        rating=value, updated_at=timezone.now(), revision=F("revision") + 1
    )
    return bool(changed) or mine.exists()


def dismiss(user_id: int, item_id: int, kind: str) -> None:
    """Skip an item, or never show it again; a rating of it stays. Raises Item.DoesNotExist."""
    try:
        with transaction.atomic():
            if not Item.objects.filter(pk=item_id).exists():
                raise Item.DoesNotExist
            Dismissal.objects.update_or_create(
                user_id=user_id,
                item_id=item_id,
                defaults={"kind": kind, "created_at": timezone.now()},
            )
    except IntegrityError:
        raise Item.DoesNotExist from None


def undo(user_id: int, item_id: int) -> None:
    """Take back the rating or the dismissal of an item."""
    with transaction.atomic():
        Interaction.objects.filter(user_id=user_id, item_id=item_id).delete()
        Dismissal.objects.filter(user_id=user_id, item_id=item_id).delete()
        recount(item_id)
