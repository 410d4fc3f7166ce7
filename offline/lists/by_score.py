"""Lists in the order of the model's own scores."""

from offline.data.matrix import InteractionMatrix
from offline.lists.maker import ListMaker
from offline.models.dae.network import DAE
from offline.models.dae.training import top_lists


def by_score(model: DAE, histories: InteractionMatrix, length: int) -> ListMaker:
    """Each user's `length` tracks with the highest logits, tracks liked before included."""
    return ListMaker(
        "by score",
        lambda rows: top_lists(model, histories.take(rows), length, exclude_input=False),
    )
