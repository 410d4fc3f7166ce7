"""The figures of an epoch, and of a whole training run."""

import math
from dataclasses import dataclass

from offline.models.dae.network import DAE

# The first steps barely leave the popular items behind, and held-out NDCG wavers: on small data,
# of five steps an epoch, a patience of epochs alone stopped there one time in three.
_FIRST_STEPS = 50


@dataclass(frozen=True)
class Epoch:
    """The results of one pass over the users."""

    number: int
    loss: float
    """Multinomial loss per user of the corrupted input, mean over the epoch."""
    ndcg: float
    """Held-out NDCG@50, mean over the users with held-out interactions."""
    recall: float
    """Held-out recall@50."""
    users_per_second: float
    """Of training; measuring and saving are not counted."""


@dataclass(frozen=True)
class Trained:
    """The weights of the best epoch, and how all epochs went."""

    model: DAE
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch that `model` has the weights of."""
        return best_of(self.epochs)


def best_of(epochs: tuple[Epoch, ...]) -> Epoch:
    """The epoch with the highest held-out NDCG@50, the earliest where several have it."""
    return max(epochs, key=lambda epoch: epoch.ndcg)


def has_stalled(epochs: tuple[Epoch, ...], patience: int, steps_per_epoch: int) -> bool:
    """Whether so many epochs gave nothing better; those of the first 50 steps do not count.

    Examples
    --------
    >>> epochs = tuple(Epoch(number, 1.0, 0.5, 0.5, 1.0) for number in range(1, 8))
    >>> has_stalled(epochs, patience=5, steps_per_epoch=50)
    True
    >>> has_stalled(epochs, patience=5, steps_per_epoch=5)
    False
    """
    if not epochs:
        return False
    first = math.ceil(_FIRST_STEPS / steps_per_epoch)
    return len(epochs) - max(best_of(epochs).number, first) >= patience
