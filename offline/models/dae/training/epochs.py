"""The figures of an epoch, and of a whole training run."""

from dataclasses import dataclass

from offline.models.dae.network import DAE


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
