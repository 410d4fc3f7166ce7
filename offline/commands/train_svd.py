"""`botify-offline train-svd`: what script/svd.py runs."""

import time
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from numpy.typing import NDArray

from offline.commands._evaluate_ratings import read_rated_file
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.metrics.rating import rating_errors
from offline.models.mf.biases import damped_biases
from offline.models.mf.by_steps import SHOWN, StepModel, Steps
from offline.models.mf.svd import SVD
from offline.models.mf.svdpp import NSVD
from offline.models.mf.validation import Held, without_ratings

TEST, VALID = 0.1, 0.1
"""Shares of the ratings that are not learned from."""
SPREAD = 0.02
"""Of factors before training."""
TRUTHS = 10
Array = NDArray[np.float32]
_MODELS: dict[str, type[StepModel]] = {"svd": SVD, "nsvd": NSVD}


@click.command("train-svd")
@click.argument("ratings", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--model", type=click.Choice(list(_MODELS)), default="svd", show_default=True, help="Which."
)
@click.option("--batch", type=click.IntRange(min=1), default=700, show_default=True)
@click.option("--steps", type=click.IntRange(min=1), default=7000, show_default=True)
@click.option("--dimension", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--reg", type=click.FloatRange(min=0), default=0.0003, show_default=True)
@click.option(
    "--learning", type=click.FloatRange(0, 1, min_open=True), default=0.001, show_default=True
)
@click.option(
    "--momentum", type=click.FloatRange(0, 1, max_open=True), default=0.926, show_default=True
)
@click.option(
    "--nsvd-size",
    type=click.Choice(["max", "mean", "min", "all"]),
    default="mean",
    show_default=True,
    help="How many of a user's items nsvd adds up.",
)
@click.option("--info/--no-info", default=True, help="Print the errors while training.")
@click.option(
    "--seed", type=click.IntRange(min=0, max=2**32 - 1), default=31337, show_default=True
)
def command(
    ratings: Path,
    model: Literal["svd", "nsvd"],
    batch: int,
    steps: int,
    dimension: int,
    reg: float,
    learning: float,
    momentum: float,
    nsvd_size: str,
    info: bool,
    seed: int,
) -> None:
    """Train svd or nsvd on RATINGS by steps of gradient descent with momentum.

    RATINGS is a file such as MovieLens' ratings.dat or ratings.csv, or a directory that `import`
    wrote. 80 % of the ratings are learned from. Every 1000 steps a batch of another 10 % shows the
    test error, marked * where it is the lowest so far; nothing is chosen by it. At the end the
    whole of the last 10 %, the valid part, is predicted once.

    All errors are root mean square errors (RMSE), in ratings; the mean square error (MSE) is
    printed by that name. The defaults overfit: `train --model svd` has better ones.
    """
    data = read_rated_file(ratings)
    options: dict[str, Any] = {"list_size": nsvd_size} if model == "nsvd" else {}
    made = _MODELS[model](
        factors=dimension,
        batch=batch,
        steps=steps,
        regularization=reg,
        learning_rate=learning,
        momentum=momentum,
        spread=SPREAD,
        seed=seed,
        **options,
    )
    n, rng = data.ratings.nnz, np.random.default_rng(seed)
    place = rng.permutation(n)
    test_size, valid_size = int(TEST * n), int(VALID * n)
    if not test_size or not valid_size:
        raise InputError(f"{ratings}: {n} ratings: a tenth of them is none")
    valid = without_ratings(data, place < valid_size)
    test = without_ratings(data, (place >= valid_size) & (place < valid_size + test_size))
    train = without_ratings(data, place < valid_size + test_size).train
    running = Steps(made, train)
    running.run(0)  # compiles, where that was never done
    started = time.perf_counter()
    _run(running, test, steps, batch, rng, info)
    _tell_duration(time.perf_counter() - started, steps)
    vectors = running.vectors()
    if not all(np.isfinite(part).all() for part in vectors):
        raise InputError("training diverged, its factors are not finite: lower --learning")
    expected, true = _predicted(vectors, valid)
    errors = rating_errors(expected, true)
    click.echo(
        "\n>> The root mean square error (RMSE) of the whole valid dataset is "
        f"{errors.rmse:.6f}\n   (mean square error, MSE, {errors.mse:.6f}; mean absolute error, "
        f"MAE, {errors.mae:.6f}; {len(valid.values):,} ratings)"
    )
    _tell_biases(errors.rmse, train, valid)
    some = rng.choice(len(true), min(TRUTHS, len(true)), replace=False)
    click.echo(
        f"\n>> Using our model for {len(some)} specific users and {len(some)} movies we predicted "
        f"the following score:\n{expected[some]}"
        f"\n\n>> And in reality the scores are:\n{true[some]}"
    )


def _run(
    running: Steps, test: Held, steps: int, batch: int, rng: np.random.Generator, info: bool
) -> None:
    if info:
        click.echo("\n>> step batch_error test_error elapsed_time")
    best, done = np.inf, 0
    started = time.perf_counter()
    while done < steps:
        row = done + 1 if done == 0 else done + SHOWN  # tells of steps 0, 1000, 2000 ...
        batch_error = running.run(min(row, steps) - done)
        done = min(row, steps)
        if not info or done < row:
            continue
        picked = rng.integers(0, len(test.values), batch)
        error = rating_errors(*_predicted(running.vectors(), test, picked)).rmse
        mark = "*" if error < best else " "
        best = min(best, error)
        now = time.perf_counter()
        click.echo(f"{done - 1:>3} {batch_error:.6f} {error:.6f}{mark} {now - started:.6f}(s)")
        started = now


def _predicted(
    vectors: tuple[Array, Array], held: Held, some: NDArray[np.int64] | slice = slice(None)
) -> tuple[Array, Array]:
    """Predictions of some held-out ratings, clipped, and the true ones."""
    users, items = vectors
    found = (users[held.users[some]] * items[held.items[some]]).sum(axis=1)
    return np.clip(found, *held.train.scale), held.values[some]


def _tell_biases(rmse: float, train: TrainingSet, valid: Held) -> None:
    """Beside the model, what it has to beat."""
    expected = damped_biases(train.ratings).of_pairs(valid.users, valid.items)
    biases = rating_errors(np.clip(expected, *train.scale), valid.values).rmse
    click.echo(f"   (biases of users and items alone: RMSE {biases:.6f})")
    if rmse >= biases:
        click.echo(
            "   Biases alone predict as well or better: the factors have learned noise, and what "
            "they add is no taste. Take a larger --reg or fewer --steps, or `train --model svd`."
        )


def _tell_duration(seconds: float, steps: int) -> None:
    whole = int(seconds)
    parts = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    click.echo(
        f"\n>> The duration of the whole training with {steps} steps is {seconds:.2f} seconds,\n"
        f"which is equal to:  {':'.join(map(str, parts))} (DAYS:HOURS:MIN:SEC)"
    )


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("train-svd")
