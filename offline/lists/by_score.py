"""Lists in the order of the model's own scores."""

from offline.data.matrix import InteractionMatrix
from offline.lists.maker import ListMaker
from offline.models.base import Recommender


def by_score(model: Recommender, length: int, unseen: bool = False) -> ListMaker:
    """Each user's `length` items with the highest scores; those of its rows of `model.data`.

    `unseen`: leave out what the user interacted with.
    """

    return ListMaker(
        recipe(unseen), lambda rows: model.recommend(rows, length, exclude_seen=unseen)
    )


def by_history(
    model: Recommender, length: int, unseen: bool, histories: InteractionMatrix
) -> ListMaker:
    """The same from histories alone, for tasks that have a part of the users.

    Not for a model that `needs_users`.
    """

    return ListMaker(
        recipe(unseen),
        lambda rows: model.recommend_for(histories.take(rows), length, exclude_seen=unseen),
    )


def needs_users(model: Recommender) -> bool:
    """Whether its lists depend on more than what a user liked: on which user it is, or on when."""
    timed = model.uses_timestamps and model.data.timestamps is not None
    return timed or not model.folds_in


def recipe(unseen: bool) -> str:
    """How such lists are made."""
    return "by score, unseen" if unseen else "by score"
