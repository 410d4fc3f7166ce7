"""`botify-offline similarity`: matrices of the nearest users and items."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
from tqdm import tqdm

from offline.atomic import check_place
from offline.checksums import sum_of
from offline.commands._evaluate_ratings import read_rated_file
from offline.errors import InputError
from offline.memory import peak_memory
from offline.models.base import Hooks
from offline.models.ratings import RatingModel
from offline.models.registry import make_model
from offline.options import settings
from offline.similarity.contents import embeddings, tag_vectors, tfidf
from offline.similarity.files import ITEMS, MANIFEST, USERS, Matrix, write_similarity
from offline.similarity.items_file import read_items
from offline.similarity.nearest import Neighbours, Vectors, nearest
from offline.similarity.predicted import predicted_rows

OF_RATINGS = ("svd", "nmf")
OF_CONTENTS = ("tfidf", "tags", "embeddings")
N = 50


@click.command("similarity")
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--model",
    type=click.Choice([*OF_RATINGS, *OF_CONTENTS]),
    default="svd",
    show_default=True,
    help="svd and nmf compare predicted ratings, the others what is said of items.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@click.option(
    "--nearest-users", type=click.IntRange(min=1), default=N, show_default=True, help="Of a user."
)
@click.option(
    "--nearest-items", type=click.IntRange(min=1), default=N, show_default=True, help="Of an item."
)
@click.option(
    "--set",
    "set_",
    metavar="OPTION=VALUE",
    multiple=True,
    help="An option of svd or nmf, such as factors=64; may be repeated.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=31337, show_default=True, help="Of both."
)
@click.option(
    "--encoder",
    type=click.Path(path_type=Path),
    help="Directory of a sentence-transformers model (--model embeddings).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON line.")
def command(
    data: Path,
    model: str,
    out: Path,
    nearest_users: int,
    nearest_items: int,
    set_: tuple[str, ...],
    seed: int,
    encoder: Path | None,
    as_json: bool,
) -> None:
    """Write the nearest users and items of each, by cosine, as CSV in DATA's own ids.

    With svd and nmf, DATA is what `import` wrote, or a file of ratings such as MovieLens'
    ratings.csv. A model is trained on all of them; its predictions for every user and item are
    centred by user and by item, and compared. OUT gets users.csv.gz and items.csv.gz.

    With tfidf, tags and embeddings, DATA is a CSV file of items: an id, and title, description or
    tags, tags separated by |. OUT gets items.csv.gz.

    Every pair counts in both directions, and similarities of 0 and below are left out;
    manifest.json says how many rows have fewer neighbours than asked for.
    """
    if (encoder is not None) != (model == "embeddings"):
        raise click.UsageError("--encoder and --model embeddings go together")
    if set_ and model in OF_CONTENTS:
        raise click.UsageError(f"--set is for {' and '.join(OF_RATINGS)}; {model} has no options")
    check_place(out, MANIFEST)
    started = time.perf_counter()
    if model in OF_RATINGS:
        about, matrices = _of_ratings(data, model, set_, seed, nearest_users, nearest_items)
    else:
        about, matrices = _of_contents(data, model, encoder, nearest_items)
    said = write_similarity(out, matrices, about)
    if as_json:
        click.echo(json.dumps(said))
        return
    for name, facts in said["matrices"].items():
        click.echo(
            f"{out / name}: {facts['rows']:,} rows, {facts['cells']:,} cells{_warned(facts)}"
        )
    seconds, peak = time.perf_counter() - started, peak_memory() / 2**20
    click.echo(f"{seconds:.1f} s, {peak:,.0f} MB", err=True)


def _warned(facts: Mapping[str, int]) -> str:
    fewer = facts["rows_with_fewer"]
    return f"; {fewer:,} rows have fewer than {facts['nearest']} neighbours" if fewer else ""


def _of_ratings(
    path: Path, name: str, set_: tuple[str, ...], seed: int, n_users: int, n_items: int
) -> tuple[dict[str, Any], list[Matrix]]:
    options = settings(set_)
    if "seed" in options:
        raise InputError("--set seed: say it by --seed")
    model = cast(RatingModel, make_model(name, {**options, "seed": seed}))
    data = read_rated_file(path)
    model.fit(data, Hooks(progress=True))
    users = np.asarray(data.histories.sizes) > 0
    found = dict(
        zip((USERS, ITEMS), predicted_rows(model.factors(), users, model.known_items), strict=True)
    )
    n_tracks = data.histories.n_tracks
    ids = data.items.values if data.items is not None else np.arange(n_tracks)
    names = {USERS: data.users[users].tolist(), ITEMS: ids[model.known_items].tolist()}
    about = {
        "model": name,
        "options": model.config.model_dump(mode="json"),
        "seed": seed,
        "fingerprint": data.fingerprint,
        "ratings": int(data.ratings.nnz),
    }
    asked = {USERS: n_users, ITEMS: n_items}
    return about, [
        Matrix(file, names[file], asked[file], _nearest(found[file], asked[file], file))
        for file in (USERS, ITEMS)
    ]


def _of_contents(
    path: Path, name: str, encoder: Path | None, n: int
) -> tuple[dict[str, Any], list[Matrix]]:
    items = read_items(path)
    vectors: Vectors
    if name == "tags":
        vectors = tag_vectors([item.tags for item in items])
    elif name == "tfidf":
        vectors = tfidf([item.text for item in items])
    else:
        assert encoder is not None
        vectors = embeddings([item.text for item in items], encoder)
    about: dict[str, Any] = {
        "model": name,
        "options": {},
        "seed": None,
        "fingerprint": sum_of(path),
    }
    if encoder is not None:
        about["options"] = {"encoder": encoder.name}
    ids = [item.id for item in items]
    return about, [Matrix(ITEMS, ids, n, _nearest(vectors, n, ITEMS))]


def _nearest(vectors: Vectors, n: int, file: str) -> Neighbours:
    with tqdm(total=int(vectors.shape[0]), unit=" rows", desc=file.split(".")[0]) as bar:
        return nearest(vectors, n, lambda rows: bar.update(rows))


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("similarity")
