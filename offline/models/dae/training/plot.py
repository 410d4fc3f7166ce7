"""The training curves as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offline.models.dae.training.epochs import Epoch


def plot_epochs(epochs: Sequence["Epoch"], best: int, path: Path) -> None:
    """Loss and held-out metrics over epochs as a PNG, the kept epoch marked."""
    # Here: only training draws, and without a home matplotlib has much to say.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = [epoch.number for epoch in epochs]
    left.plot(numbers, [epoch.loss for epoch in epochs], color="#4a5568")
    left.set(xlabel="epoch", title="Training loss per user")
    right.plot(numbers, [epoch.ndcg for epoch in epochs], label="NDCG@50", color="#2b6cb0")
    right.plot(numbers, [epoch.recall for epoch in epochs], label="recall@50", color="#c05621")
    right.axvline(best, color="#718096", linestyle=":", label=f"kept: epoch {best}")
    right.set(xlabel="epoch", title="Held-out interactions")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path, dpi=120)
