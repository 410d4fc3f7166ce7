"""`botify-offline export`."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np

from contract.files import SESSION_MODEL
from offline.artefact import FILE_SUMS, load_artefact
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
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory to write the lists to.",
)
@click.option(
    "--length",
    default=50,
    show_default=True,
    type=click.IntRange(min=1),
    help="Length of a user's list, in tracks.",
)
@click.option(
    "--block",
    type=click.IntRange(min=1),
    help="Users per block; an interrupted export repeats at most one block."
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
    help="Path to tracks.json: spreads the artists in lists for sessions.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Where the lists are computed; both give the same lists (docs/spark.md).",
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
    it is MODEL's ranking. For `sessions` it starts with the user's most likely
    taste, estimated from how sessions began, and spreads artists as much as
    listeners in the log tire of them. Neighbours are by cosine of co-listening
    over the same interactions. MODEL's session model, if it has one, is copied
    as sessions.safetensors.

    While it runs, finished lists wait in OUT.export and OUT is unchanged.
    After an interruption the same command resumes from there.
    """
    artefact = load_artefact(model)
    n_tracks = artefact.model.n_tracks
    training_set = TrainingSet.open(interactions, n_tracks)
    artefact.check_trained_on(training_set.fingerprint)
    kind = kind or ("sessions" if (interactions / PLAYS).is_file() else "score")
    make: Callable[[InteractionMatrix, SessionStats], ListMaker] = partial(
        _by_score, artefact.model, length
    )
    stats, made = (
        SessionStats.unknown(len(training_set.histories), n_tracks),
        "lists ranked by score",
    )
    if kind == "sessions":
        # Without a catalog every track has an artist of its own.
        artists = np.arange(n_tracks) if catalog is None else artists_of(catalog, n_tracks)
        stats = SessionStats.read(interactions, training_set.users, artists)
        make = partial(by_session, artefact.model, artists=artists, length=length)
        made = (
            f"session-aware lists: patience {stats.patience:.2f} misses, repeat-artist discount "
            f"{stats.artist_discount:.2f}"
        )
    if engine == "spark":
        spark = needing_spark("offline.lists.on_spark")
        lists = spark.on_spark(make, training_set.histories, stats, length)
        block = block or _SPARK_BLOCK
    else:
        lists = make(training_set.histories, stats)
    session_model = model / SESSION_MODEL if SESSION_MODEL in artefact.about[FILE_SUMS] else None
    done = export_lists(
        artefact,
        training_set,
        out,
        list_length=length,
        block=block or _BLOCK,
        lists=lists,
        also=session_model,
        progress=sys.stderr.isatty(),
    )
    if done.from_earlier:
        click.echo(f"resumed an interrupted export after {done.from_earlier:,} users")
    click.echo(
        f"lists for {done.users:,} users ({done.without_interactions:,} without interactions get "
        f"top tracks), neighbours for {done.tracks_with_neighbours:,} tracks -> {out}"
    )
    click.echo(made)
    if session_model is not None:
        click.echo(f"session model -> {out / SESSION_MODEL}")


def _by_score(model: DAE, length: int, histories: InteractionMatrix, _: SessionStats) -> ListMaker:
    return by_score(model, histories, length)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("export")
