"""Lists in the order of the model's own scores."""

from offline.data.matrix import InteractionMatrix
from offline.errors import InputError
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
    """The same from histories alone: for tasks that have a part of the users. See `portable`."""

    return ListMaker(
        recipe(unseen),
        lambda rows: model.recommend_for(histories.take(rows), length, exclude_seen=unseen),
    )


def portable(model: Recommender) -> Recommender:
    """The model without its users, to send elsewhere for `by_history`.

    Raises InputError for one that needs more of a user than what they liked.
    """
    model.check_folds_in()
    if model.uses_timestamps and model.data.timestamps is not None:
        raise InputError(
            f"{model.name} needs the times of interactions, which Spark's tasks do not get: "
            "--engine local"
        )
    return model.without_users()


def recipe(unseen: bool) -> str:
    """How such lists are made."""
    return "by score, unseen" if unseen else "by score"
