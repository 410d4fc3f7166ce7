"""`botify-offline export`."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np

from offline.artefact import FILE_SUMS, SESSION_MODEL, load_artefact
from offline.data.catalog import artists_of
from offline.data.interactions import PLAYS
from offline.data.matrix import InteractionMatrix
from offline.data.session_stats import SessionStats
from offline.data.training_set import TrainingSet
from offline.engine import needing_spark
from offline.lists.by_score import by_score
from offline.lists.by_session import by_session
from offline.lists.export import export_lists
from offline.lists.maker import ListMaker
from offline.models.dae.network import DAE

_BLOCK, _SPARK_BLOCK = 4096, 65_536


@click.command("export")
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where lists go.")
@click.option(
    "--length", default=50, show_default=True, type=click.IntRange(min=1), help="Tracks a user."
)
@click.option(
    "--block",
    type=click.IntRange(min=1),
    help="Users at a time: an interrupted export has no more to do again."
    f" [default: {_BLOCK}, on spark {_SPARK_BLOCK}]",
)
@click.option(
    "--lists",
    "kind",
    type=click.Choice(["sessions", "score"]),
    help="How a user's list is made. Default: for sessions, where INTERACTIONS has plays.",
)
@click.option(
    "--catalog",
    type=click.Path(path_type=Path),
    help="tracks.json: lists for sessions spread the artists that it names.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Where users' lists are made; the same lists on both (docs/spark.md).",
)
def command(
    model: Path,
    interactions: Path,
    out: Path,
    length: int,
    block: int | None,
    kind: str | None,
    catalog: Path | None,
    engine: str,
) -> None:
    """Write recommendations.json, neighbours.json and top_tracks.json.

    Every user of the log gets a list, best first: from MODEL given the user's
    INTERACTIONS, or the most popular tracks where there are none. By `score`
    it is MODEL's ranking. For `sessions` it begins with the likeliest of the
    user's tastes, which it tells from how sessions began, and spreads artists
    as far as the log says that listeners tire of them. Neighbours are by
    cosine of co-listening over the same interactions. A model that hears
    sessions goes along as sessions.safetensors.

    While it runs, lists wait in OUT.export, and OUT is as it was. After an
    interruption the same command goes on from there.
    """
    artefact = load_artefact(model)
    n_tracks = artefact.model.n_tracks
    training_set = TrainingSet.open(interactions, n_tracks)
    artefact.check_trained_on(training_set.fingerprint)
    kind = kind or ("sessions" if (interactions / PLAYS).is_file() else "score")
    make: Callable[[InteractionMatrix, SessionStats], ListMaker] = partial(
        _by_score, artefact.model, length
    )
    stats, said = SessionStats.unknown(len(training_set.histories), n_tracks), "ranked by score"
    if kind == "sessions":
        # Without a catalog every track has an artist of its own.
        artists = np.arange(n_tracks) if catalog is None else artists_of(catalog, n_tracks)
        stats = SessionStats.read(interactions, training_set.users, artists)
        make = partial(by_session, artefact.model, artists=artists, length=length)
        said = (
            f"made for sessions that bear {stats.patience:.2f} misses, where an artist's next "
            f"track is heard {100 * (1 - stats.artist_discount):.0f} % less"
        )
    if engine == "spark":
        spark = needing_spark("offline.lists.on_spark")
        lists = spark.on_spark(make, training_set.histories, stats, length)
        block = block or _SPARK_BLOCK
    else:
        lists = make(training_set.histories, stats)
    hears = model / SESSION_MODEL if SESSION_MODEL in artefact.about[FILE_SUMS] else None
    done = export_lists(
        artefact,
        training_set,
        out,
        list_length=length,
        block=block or _BLOCK,
        lists=lists,
        also=hears,
        progress=sys.stderr.isatty(),
    )
    if done.from_earlier:
        click.echo(f"went on after {done.from_earlier:,} users of an interrupted export")
    click.echo(
        f"lists for {done.users:,} users ({done.without_interactions:,} without interactions get "
        f"top tracks), neighbours for {done.tracks_with_neighbours:,} tracks -> {out}"
    )
    click.echo(f"lists are {said}")
    if hears is not None:
        click.echo(f"the model that hears sessions -> {out / SESSION_MODEL}")


def _by_score(model: DAE, length: int, histories: InteractionMatrix, _: SessionStats) -> ListMaker:
    return by_score(model, histories, length)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("export")
