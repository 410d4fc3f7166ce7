"""Publishing: a version of a recommender's matrices becomes the one that pages read.

A writer stores the cells of a version that no reader takes yet, and calls `publish` once all are
there. Both matrices switch in one transaction; `rollback` switches them back. What is older than
the versions kept is removed after the switch, never with it: a page that began before still finds
the cells that it reads.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef
from django.utils import timezone

from web.people.ids import FIRST_ACCOUNT_ID
from web.ratings.models import Interaction
from web.recommendations.models import (
    MatrixVersion,
    Recommender,
    SimilarityMatrix,
    SimilarityMatrixCell,
)

REMOVED_AT_ONCE = 50_000
"""Ids of cells that one statement removes: other writers wait no longer than that takes."""


class PublishError(ValueError):
    """What is asked for cannot be published; the message says why. Nothing has changed."""


@dataclass(frozen=True)
class Made:
    """How a version was made."""

    made_at: datetime
    """When its ratings were read."""
    fingerprint: str = ""
    """Of the ratings and of how they were used; equal ones make equal matrices."""
    ratings: int | None = None
    """How many were used."""


@dataclass(frozen=True)
class Published:
    """What a switch did."""

    version: int
    before: int
    """The version that was read before; 0 where there was none."""
    cells: dict[str, int]
    """Cells of the version, by the name of their matrix."""


def matrices_of(recommender: Recommender) -> list[SimilarityMatrix]:
    """The recommender's matrices: of people, of items, or both."""
    found = (recommender.user_similarity_matrix, recommender.item_similarity_matrix)
    return [matrix for matrix in found if matrix is not None]


def next_version(recommender: Recommender) -> int:
    """A version that no matrix of the recommender has, or ever had."""
    highest = 0
    for matrix in matrices_of(recommender):
        cells = SimilarityMatrixCell.objects.filter(matrix=matrix).aggregate(n=Max("version"))
        highest = max(highest, matrix.version, matrix.last_version, cells["n"] or 0)
    return highest + 1


def publish(
    recommender: Recommender,
    version: int,
    *,
    cells: dict[str, int] | None = None,
    made: Made | None = None,
    keep: int | None = None,
    check: Callable[[], None] = lambda: None,
) -> Published:
    """Let readers take `version` of all the recommender's matrices, in one transaction.

    Cells of accounts that have no ratings any more, removed since the ratings were read, go first.
    Publishing what is published already changes nothing.

    Parameters
    ----------
    recommender : Recommender
    version : int
        Above the one that is published now; every matrix has cells of it.
    cells : dict, optional
        The name of each matrix and how many cells were written: the switch is refused where
        another number is there.
    made : Made, optional
        How the version was made; said where its rows are read.
    keep : int, optional
        Versions kept besides this one; `settings.SIMILARITY_KEEP` by default.
    check : callable, optional
        Called inside the transaction, before the switch; what it raises stops the switch.

    Raises
    ------
    PublishError
        Where a matrix lacks the version or has another number of cells than `cells` says, where
        `version` is below the published one, and where the recommender has no matrix.
    """
    with transaction.atomic():
        matrices = _locked(recommender)
        before = max(matrix.version for matrix in matrices)
        if version < before:
            raise PublishError(
                f"version {version} is older than the published {before}: roll back instead"
            )
        found = {matrix.name: _cells(matrix, version) for matrix in matrices}
        _check_whole(version, found, cells or {})
        check()
        if any(matrix.version != version for matrix in matrices):
            for matrix in matrices:
                found[matrix.name] -= _remove_gone(matrix, version)
                _switch(matrix, version, found[matrix.name], made)
    remove_old(matrices, settings.SIMILARITY_KEEP if keep is None else keep)
    return Published(version, before, found)


def rollback(recommender: Recommender) -> Published:
    """Let readers take the version before the published one again, in one transaction.

    Raises PublishError where some matrix has no earlier version that was published and is kept.
    """
    with transaction.atomic():
        matrices = _locked(recommender)
        now = max(matrix.version for matrix in matrices)
        kept = [
            set(
                MatrixVersion.objects.filter(matrix=matrix, version__lt=now).values_list(
                    "version", flat=True
                )
            )
            for matrix in matrices
        ]
        earlier = set.intersection(*kept)
        if not earlier:
            raise PublishError(f"no version before {now} is kept")
        version = max(earlier)
        found = {matrix.name: _cells(matrix, version) for matrix in matrices}
        _check_whole(version, found, {})
        SimilarityMatrix.objects.filter(pk__in=[m.pk for m in matrices]).update(version=version)
    return Published(version, now, found)


def remove_old(matrices: Iterable[SimilarityMatrix], keep: int) -> None:
    """Remove versions older than the `keep` published ones before that which is read now."""
    for matrix in matrices:
        now = SimilarityMatrix.objects.values_list("version", flat=True).get(pk=matrix.pk)
        earlier = MatrixVersion.objects.filter(matrix=matrix, version__lt=now)
        kept = list(earlier.order_by("-version").values_list("version", flat=True)[:keep])
        old = SimilarityMatrixCell.objects.filter(matrix=matrix, version__lt=now)
        for version in old.exclude(version__in=kept).values_list("version", flat=True).distinct():
            remove_cells(matrix, version)
        earlier.exclude(version__in=kept).delete()


def remove_cells(matrix: SimilarityMatrix, version: int) -> int:
    """Remove the cells of a version that nobody reads, a part at a time; gives their number."""
    cells = SimilarityMatrixCell.objects.filter(matrix=matrix, version=version)
    ends = cells.aggregate(low=Min("id"), high=Max("id"))
    removed = 0
    if ends["low"] is not None:
        for low in range(ends["low"], ends["high"] + 1, REMOVED_AT_ONCE):
            part = cells.filter(id__gte=low, id__lt=low + REMOVED_AT_ONCE)
            removed += part.delete()[0]
    return removed


def _locked(recommender: Recommender) -> list[SimilarityMatrix]:
    """The matrices as they are now; no other switch happens until the transaction ends."""
    now = Recommender.objects.select_for_update().get(pk=recommender.pk)
    wanted = [matrix.pk for matrix in matrices_of(now)]
    found = list(SimilarityMatrix.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
    if not found:
        raise PublishError(f"the recommender {now.name} has no similarity matrix")
    return found


def _cells(matrix: SimilarityMatrix, version: int) -> int:
    return SimilarityMatrixCell.objects.filter(matrix=matrix, version=version).count()


def _check_whole(version: int, found: dict[str, int], told: dict[str, int]) -> None:
    unknown = sorted(set(told) - set(found))
    if unknown:
        raise PublishError(f"the recommender has no matrix {unknown[0]}: {', '.join(found)}")
    for name, n in found.items():
        if n == 0:
            raise PublishError(f"{name} has no cells of version {version}")
        if n != told.get(name, n):
            raise PublishError(
                f"{name} has {n} cells of version {version}, not the {told[name]} that were sent"
            )


def _remove_gone(matrix: SimilarityMatrix, version: int) -> int:
    if matrix.type != SimilarityMatrix.Type.USER_TO_USER:
        return 0
    removed = 0
    for end in ("row", "column"):
        cells = SimilarityMatrixCell.objects.filter(matrix=matrix, version=version)
        accounts = cells.filter(**{f"{end}__gte": FIRST_ACCOUNT_ID})
        rated = Interaction.objects.filter(user_id=OuterRef(end))
        gone = accounts.filter(~Exists(rated)).values_list(end, flat=True).distinct()
        removed += cells.filter(**{f"{end}__in": list(gone)}).delete()[0]
    return removed


def _switch(matrix: SimilarityMatrix, version: int, cells: int, made: Made | None) -> None:
    now = timezone.now()
    SimilarityMatrix.objects.filter(pk=matrix.pk).update(version=version, last_version=version)
    MatrixVersion.objects.update_or_create(
        matrix=matrix,
        version=version,
        defaults={
            "cells": cells,
            "published_at": now,
            "made_at": made.made_at if made else now,
            "fingerprint": made.fingerprint if made else "",
            "ratings": made.ratings if made else None,
        },
    )
