"""The rows of the site beside popular items: `python -m bench.web`.

A fifth of the ratings is held out at random; those of `LIKED` and more are what a row should find.
Everything else, the similarities too, is learned from the other ratings.
"""

from csv import reader
from pathlib import Path
from typing import cast

import click
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.common.options import data_option
from bench.common.tables import machine
from offline.commands._evaluate_ratings import read_rated
from offline.data.training_set import TrainingSet
from offline.metrics.intervals import mean_over_users
from offline.metrics.ranking import Ranked
from offline.models.mf.validation import hold_out_ratings
from offline.models.ratings import RatingModel
from offline.models.registry import make_model
from offline.models.top_n import leave_out, top_n
from offline.similarity import rows
from offline.similarity.contents import tag_vectors
from offline.similarity.nearest import Neighbours, nearest
from offline.similarity.predicted import predicted_rows

FORMATS = {"ml-latest-small": "ml-latest", "ml-1m": "ml-1m"}
FILMS = {"ml-latest-small": "movies.csv", "ml-1m": "movies.dat"}
LIKED, SHARE, K, N = 4.0, 0.2, 20, 50


@click.command()
@click.option("--datasets", default=",".join(FORMATS), show_default=True)
@click.option("--seed", default=12, show_default=True, help="Of the split; 11 chose the settings.")
@data_option
def main(datasets: str, seed: int, data: Path) -> None:
    """Print NDCG@20 of each row as Markdown."""
    click.echo(f"{machine()}; split of seed {seed}; 95 % intervals over users.\n")
    click.echo("| data | row | NDCG@20 | above popular, paired |\n|---|---|---|---|")
    for name in datasets.split(","):
        found = _rows(read_rated(data / name, FORMATS[name]), data / name / FILMS[name], seed)
        popular = found["popular"]
        for row, values in found.items():
            mean, above = mean_over_users(values), mean_over_users(values - popular)
            click.echo(
                f"| {name} | {row} | {mean.mean:.4f} ± {mean.half_width:.4f} "
                f"| {above.mean:+.4f} ± {above.half_width:.4f} |"
            )


def _rows(data: TrainingSet, films: Path, seed: int) -> dict[str, NDArray[np.float64]]:
    held = hold_out_ratings(data, SHARE, np.random.default_rng(seed))
    known, good = held.train.ratings, held.values >= LIKED
    relevant = sparse.csr_matrix(
        (np.ones(int(good.sum())), (held.users[good], held.items[good])), shape=known.shape
    )
    relevant.sort_indices()
    counts = np.diff(known.indptr)
    users = np.flatnonzero((np.diff(relevant.indptr) > 0) & (counts > 0)).astype(np.int64)
    likes = rows.popular(known, LIKED)
    # What a row lacks is filled with popular items, below all of its own.
    rest = likes / (1 + likes.max()) - 2

    def measured(scores: NDArray[np.float32]) -> NDArray[np.float64]:
        filled = np.where(scores > 0, scores, rest).astype(np.float32)
        leave_out(filled, known[users])
        return Ranked(top_n(filled, K), relevant[users]).ndcg(K)

    assert data.items is not None
    tags = tag_vectors([_tags(films).get(str(item), []) for item in data.items])
    popular = measured(np.tile(likes, (len(users), 1)))
    found = {
        "popular": popular,
        "profile": measured(rows.profile(known, tags, users, LIKED)),
    }
    for model in ("svd", "nmf"):
        near = _near(model, held.train)
        found[f"collaborative, {model}"] = own = measured(
            rows.collaborative(known, near, users, LIKED)
        )
        ladder = np.where(counts[users] >= rows.LADDER, own, popular)
        found[f"ladder, {model} from {rows.LADDER} ratings"] = ladder
    return found


def _near(name: str, train: TrainingSet) -> Neighbours:
    model = cast(RatingModel, make_model(name, {"seed": 1})).fit(train)
    users = np.asarray(train.histories.sizes) > 0
    near = nearest(predicted_rows(model.factors(), users, model.known_items)[0], N)
    numbers = np.flatnonzero(users)
    return Neighbours(numbers[near.rows], numbers[near.columns], near.values)


def _tags(films: Path) -> dict[str, list[str]]:
    if films.suffix == ".csv":
        with films.open(encoding="utf-8", newline="") as file:
            return {row[0]: row[-1].split("|") for row in reader(file)}
    lines = films.read_text(encoding="latin-1").splitlines()
    return {row[0]: row[-1].split("|") for row in (line.split("::") for line in lines)}


if __name__ == "__main__":
    main()
