"""One of our models on folds, or its training by steps: `python -m bench.ratings.ours DATA`.

Prints a line of JSON. Compiled code is made before the clock starts, as it is kept on disk.
"""

import json
import time
from pathlib import Path
from typing import cast

import click
import numpy as np

from bench.common.memory import peak_mb
from offline.commands._evaluate_ratings import facts_of, read_rated
from offline.data.training_set import TrainingSet
from offline.evaluation.ratings import cross_validate, folds_of
from offline.models.mf.by_steps import StepModel, Steps
from offline.models.mf.validation import without_ratings
from offline.models.ratings import RatingModel
from offline.models.registry import make_model
from offline.options import settings

SEEDS_STEPS = {"learning_rate": 0.001, "regularization": 0.0003, "factors": 12, "spread": 0.02}
"""The options of training by steps that `script/svd.py` has by default."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "format_", required=True)
@click.option("--model", default="svd", show_default=True)
@click.option("--set", "set_", multiple=True)
@click.option("--folds", default=5, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--steps", type=int, help="Time so many steps of 700 instead.")
@click.option("--write", type=Path, help="Write the folds to this .npz file instead.")
def main(
    directory: Path,
    format_: str,
    model: str,
    set_: tuple[str, ...],
    folds: int,
    seed: int,
    steps: int | None,
    write: Path | None,
) -> None:
    """Measure."""
    data = read_rated(directory, format_)
    if write is not None:
        click.echo(json.dumps(written(data, folds, seed, write)))
        return
    if steps is not None:
        click.echo(json.dumps(timed_steps(data, steps)))
        return
    options = settings(set_) | {"seed": seed}

    def make() -> RatingModel:
        return cast(RatingModel, make_model(model, options))

    make().fit(few(data))
    wall, cpu = time.perf_counter(), time.process_time()
    facts = facts_of(cross_validate(make, data, folds, seed))
    facts |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    click.echo(json.dumps({**facts, "peak_mb": peak_mb()}))


def few(data: TrainingSet) -> TrainingSet:
    """A hundredth of the ratings: enough to have everything compiled."""
    rng = np.random.default_rng(0)
    return without_ratings(data, rng.random(data.ratings.nnz) > 0.01).train


def written(data: TrainingSet, folds: int, seed: int, path: Path) -> dict[str, object]:
    """The ratings and the fold of each, for others."""
    ratings = data.ratings
    users = np.repeat(np.arange(ratings.shape[0]), np.diff(ratings.indptr))
    fold = folds_of(ratings.nnz, folds, seed)
    np.savez(path, user=users, item=ratings.indices, rating=ratings.data, fold=fold)
    return {"ratings": ratings.nnz, "users": ratings.shape[0], "items": ratings.shape[1]}


def timed_steps(data: TrainingSet, steps: int) -> dict[str, object]:
    """Steps of a batch of 700 with momentum, from 80 % of the ratings."""
    rng = np.random.default_rng(1)
    held = without_ratings(data, rng.random(data.ratings.nnz) < 0.2)
    model = cast(StepModel, make_model("svd", {**SEEDS_STEPS, "batch": 700}))
    Steps(model, held.train).run(1)
    running = Steps(model, held.train)
    wall, cpu = time.perf_counter(), time.process_time()
    running.run(steps)
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {"steps": steps, **spent, "rmse": held.rmse(*running.vectors())}


if __name__ == "__main__":
    main()
