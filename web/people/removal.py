"""Removing what a person said here, and what was computed of it."""

from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Q
from django.db.models.signals import post_delete
from django.dispatch import receiver

from web.people.models import User
from web.ratings.models import Dismissal, Interaction
from web.recommendations.models import EvaluationMetric, SimilarityMatrix, SimilarityMatrixCell


def remove_ratings(user_id: int) -> int:
    """Remove the ratings of `user_id`, what was measured of them, and cells in all versions.

    Gives the number of ratings. `web.catalog.counts.recount` is left to the caller.
    """
    removed, _ = Interaction.objects.filter(user_id=user_id).delete()
    Dismissal.objects.filter(user_id=user_id).delete()
    EvaluationMetric.objects.filter(user_id=user_id).delete()
    people = SimilarityMatrix.objects.filter(type=SimilarityMatrix.Type.USER_TO_USER)
    SimilarityMatrixCell.objects.filter(
        Q(row=user_id) | Q(column=user_id), matrix__in=people
    ).delete()
    return removed


@receiver(post_delete, sender=User)
def remove_all(instance: User, **_: Any) -> None:
    """Whichever way an account is removed, what the person rated goes with it."""
    remove_ratings(instance.pk)


def end_sessions(user_id: int) -> int:
    """Sign the person out everywhere; gives the number of sessions that ended."""
    ended = 0
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user_id):
            session.delete()
            ended += 1
    return ended
