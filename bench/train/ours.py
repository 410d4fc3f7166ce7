"""Our trainer, for the benchmark of training: `python -m bench.train.ours DATA epochs`.

The benchmark uses the trainer's interface only here. Under torchrun the first process prints the
result.
"""

import json
import os
import time
from pathlib import Path

import click
import numpy as np
import torch

from bench.common.memory import peak_mb
from bench.train.data import matrix
from offline.data.matrix import InteractionMatrix
from offline.models.dae.network import DAE
from offline.models.dae.training import Hooks, fit, workers_of_torchrun
from offline.models.dae.training.inference import K, top_lists
from offline.options import TrainOptions

HIDDEN = (300, 50)
"""The baseline's architecture; the other options are those that ship."""


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("part", type=click.Choice(["epochs", "lists"]))
@click.option("--epochs", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--patience", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(part: str, data: Path, epochs: int, patience: int, seed: int) -> None:
    """Time training, or lists of all users, on DATA; the last line is the result as JSON."""
    found = trained(data, epochs, patience, seed) if part == "epochs" else listed(data, seed)
    if int(os.environ.get("RANK", "0")) == 0:
        click.echo(json.dumps(found | {"peak_mb": peak_mb()}))


def trained(data: Path, epochs: int, patience: int, seed: int) -> dict[str, object]:
    """Seconds (evaluation not counted), loss and held-out NDCG@50 of each epoch."""
    histories = InteractionMatrix.open(data)
    options = TrainOptions(hidden=HIDDEN, epochs=epochs, patience=patience, seed=seed)
    an_epoch = 0

    def start(state: object, users: int) -> None:
        nonlocal an_epoch
        an_epoch = users

    with workers_of_torchrun() as workers:
        done = fit(histories, options, hooks=Hooks(on_start=start), workers=workers).epochs
        workers.wait()
    return {
        "seconds": [an_epoch / epoch.users_per_second for epoch in done],
        "losses": [epoch.loss for epoch in done],
        "ndcg": [epoch.ndcg for epoch in done],
    }


def listed(data: Path, seed: int) -> dict[str, object]:
    """Seconds for the lists of all users."""
    interactions = matrix(data)
    # Ranking takes as long whatever the scores: the weights need no training.
    tracks = np.arange(interactions.shape[1])
    model = DAE(len(tracks), tracks, HIDDEN, torch.Generator().manual_seed(seed))
    started = time.perf_counter()
    lists = top_lists(model, interactions, K, exclude_input=False)
    return {"seconds": time.perf_counter() - started, "users": len(lists), "k": K}


if __name__ == "__main__":
    main()
