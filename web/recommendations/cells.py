"""The nearest of a user or an item in the version of a matrix that is published."""

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from web.recommendations.models import MatrixVersion, SimilarityMatrix, SimilarityMatrixCell


def nearest(
    matrix: SimilarityMatrix | None, ids: list[int], most: int
) -> dict[int, dict[int, float]]:
    """For each of `ids`, up to `most` others with a value above 0, the nearest first.

    A pair may be stored in one direction or in both: the larger value counts.
    """
    if matrix is None or not matrix.version or not ids:
        return {}
    cells = SimilarityMatrixCell.objects.filter(matrix=matrix, version=matrix.version, value__gt=0)
    found: dict[int, dict[int, float]] = {}
    # Two queries, each with an index of its own.
    for one, other in (("row", "column"), ("column", "row")):
        for here, there, value in cells.filter(**{f"{one}__in": ids}).values_list(
            one, other, "value"
        ):
            others = found.setdefault(here, {})
            if there != here:
                others[there] = max(value, others.get(there, 0.0))
    return {
        here: dict(sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))[:most])
        for here, others in found.items()
    }


def described(matrix: SimilarityMatrix) -> str:
    """The matrix, its version, and how old the ratings are that it was computed of."""
    version = MatrixVersion.objects.filter(matrix=matrix, version=matrix.version).first()
    said = {"name": matrix.name, "version": matrix.version}
    if version is None:
        return _("From %(name)s, version %(version)d; its age is not known.") % said
    said["age"] = timesince(version.made_at, timezone.now())
    return _("From %(name)s, version %(version)d, of the ratings %(age)s ago.") % said
