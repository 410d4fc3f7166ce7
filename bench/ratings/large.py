"""Thirty million ratings from Parquet, a pass at a time: `python -m bench.ratings.large DATA`.

DATA is a directory of interactions. The last line is JSON: seconds to read, seconds of each pass,
the most memory.
"""

import json
import time
from pathlib import Path
from typing import cast

import click
import numpy as np

from bench.common.memory import peak_mb
from bench.ratings.ours import few
from offline.data.training_set import TrainingSet
from offline.models.mf.sgd_model import SGDModel
from offline.models.mf.validation import hold_out_ratings
from offline.models.registry import make_model


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", default="svd", show_default=True)
@click.option("--factors", default=12, show_default=True)
@click.option("--epochs", default=10, show_default=True)
def main(directory: Path, model: str, factors: int, epochs: int) -> None:
    """Train and measure."""
    started = time.perf_counter()
    data = TrainingSet.of_ratings(directory)
    read = time.perf_counter() - started
    read_mb = peak_mb()
    made = cast(SGDModel, make_model(model, {"factors": factors, "epochs": epochs}))
    type(made)(factors=factors, epochs=1).fit(few(data))
    shape, n, scale = data.ratings.shape, data.ratings.nnz, data.scale
    held = hold_out_ratings(data, 0.01, np.random.default_rng(1))
    del data
    started, cpu = time.perf_counter(), time.process_time()
    made.fit(held.train)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    factors_ = made.factors()
    found = {
        "ratings": n,
        "users": shape[0],
        "items": shape[1],
        "scale": scale,
        "factors": factors,
        "seconds_to_read": read,
        "mb_to_read": read_mb,
        "seconds_of_epochs": [line["seconds"] for line in made.metrics()["epochs"]],
        "seconds_to_fit": seconds,
        "cpu_to_fit": cpu,
        "rmse": held.rmse(factors_.users, factors_.items),
        "peak_mb": peak_mb(),
    }
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
