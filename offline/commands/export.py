"""`botify-offline export`."""

import sys
from functools import partial
from pathlib import Path

import click
import numpy as np

from contract.files import SESSION_MODEL
from contract.interactions import PLAYS
from offline.data.catalog import artists_of
from offline.data.interactions import read_table
from offline.data.session_stats import SessionStats
from offline.data.training_set import TrainingSet
from offline.engine import needing_spark
from offline.errors import InputError
from offline.lists.by_score import by_history, by_score, needs_users
from offline.lists.by_session import by_session
from offline.lists.export import Exported, export_lists
from offline.lists.maker import ListMaker
from offline.models.base import Recommender
from offline.models.registry import load_model

LENGTH = 50
"""Of a list of the music protocol."""
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
    type=click.IntRange(min=1),
    help=f"Length of a user's list, in items. [default: {LENGTH}, or all items where data with "
    "ids of its owner has fewer]",
)
@click.option(
    "--unseen",
    is_flag=True,
    help="Leave out of a user's list what the user has interacted with: for films or goods, which "
    "are rarely wanted twice. Music is listened to again, so that it is listed by default.",
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
    help="How a user's list is made. Default: for sessions, where INTERACTIONS has plays and "
    "MODEL has vectors of tracks.",
)
@click.option(
    "--catalog",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Path to tracks.json: spreads the artists in lists for sessions.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Where the lists are computed; both give the same (docs/how-to/analyse-on-spark.md).",
)
def command(
    model: Path,
    interactions: Path,
    out: Path,
    length: int | None,
    unseen: bool,
    block: int | None,
    kind: str | None,
    catalog: Path | None,
    engine: str,
) -> None:
    """Write the lists that the service serves, of any MODEL.

    For music: recommendations.json, neighbours.json and top_tracks.json. For data with ids of its
    owner: recommendations.json and neighbours.json in these ids, with scores, popular.json and
    items.json.

    Every user of INTERACTIONS gets a list, best first: from MODEL given the user's likes. A user
    without any gets the most popular tracks in lists for music, and has none in others, for which
    the service answers popular items. By `score` it is MODEL's ranking. For
    `sessions` it starts with the user's most likely taste, estimated from how sessions began, and
    spreads artists as much as listeners in the log tire of them. Neighbours are by cosine of
    co-occurrence over the same interactions. MODEL's session model, if it has one, is copied as
    sessions.safetensors.

    While it runs, finished lists wait in OUT.export and OUT is unchanged. After an interruption
    the same command resumes from there.
    """
    found = load_model(model)
    training_set = _opened(found, interactions)
    found.check_trained_on(training_set.fingerprint)
    length = length or _default_length(training_set)
    able = (interactions / PLAYS).is_file() and found.item_vectors is not None
    if (kind or ("sessions" if able else "score")) == "sessions":
        lists, made = _for_sessions(
            found, training_set, interactions, catalog, length, unseen, engine
        )
    else:
        lists, made = _by_score(found, training_set, length, unseen, engine)
    session_model = model / SESSION_MODEL if (model / SESSION_MODEL).is_file() else None
    done = export_lists(
        found,
        training_set,
        out,
        list_length=length,
        block=block or (_SPARK_BLOCK if engine == "spark" else _BLOCK),
        lists=lists,
        items=None if training_set.items is None else read_table(interactions, "items"),
        also=session_model,
        progress=sys.stderr.isatty(),
    )
    _tell(done, "tracks" if training_set.items is None else "items", out)
    click.echo(made)
    if training_set.items is not None and done.listed and not unseen:
        share = done.listed_seen / done.listed
        click.echo(
            f"{share:.0%} of what is listed are items that the user has interacted with: --unseen "
            "leaves them out"
        )
    if session_model is not None:
        click.echo(f"session model -> {out / SESSION_MODEL}")


def _default_length(training_set: TrainingSet) -> int:
    """That of the music protocol, as far as other data has the items."""
    n_items = training_set.histories.n_tracks
    return LENGTH if training_set.items is None else min(LENGTH, n_items)


def _opened(model: Recommender, interactions: Path) -> TrainingSet:
    """The interactions, with the model's number of items. Raises InputError for other data."""
    if model.learns_from == "ratings":
        return TrainingSet.of_ratings(interactions)
    try:
        return TrainingSet.open(interactions, len(model.popularity))
    except InputError:
        # That an item is beyond the model's is no more than a sign of other data.
        model.check_trained_on(TrainingSet.open(interactions, None).fingerprint)
        raise


def _by_score(
    model: Recommender, data: TrainingSet, length: int, unseen: bool, engine: str
) -> tuple[ListMaker, str]:
    if engine == "spark":
        spark = needing_spark("offline.lists.on_spark")
        if needs_users(model):
            make = partial(by_score, model.without_ids(), length, unseen)
            lists = spark.on_spark(make, data.histories, length, by_row=True)
        else:
            make = partial(by_history, model.without_users(), length, unseen)
            lists = spark.on_spark(make, data.histories, length)
    else:
        lists = by_score(model, length, unseen)
    return lists, "lists ranked by score"


def _for_sessions(
    model: Recommender,
    data: TrainingSet,
    interactions: Path,
    catalog: Path | None,
    length: int,
    unseen: bool,
    engine: str,
) -> tuple[ListMaker, str]:
    n_tracks = data.histories.n_tracks
    # Without a catalog every track has an artist of its own.
    artists = np.arange(n_tracks) if catalog is None else artists_of(catalog, n_tracks)
    stats = SessionStats.read(interactions, data.users, artists)
    make = partial(
        by_session, model.without_users(), artists=artists, length=length, unseen=unseen
    )
    if engine == "spark":
        spark = needing_spark("offline.lists.on_spark")
        lists = spark.on_spark(make, data.histories, length, stats)
    else:
        lists = make(data.histories, stats)
    return lists, (
        f"session-aware lists: patience {stats.patience:.2f} misses, repeat-artist discount "
        f"{stats.artist_discount:.2f}"
    )


def _tell(done: Exported, items: str, out: Path) -> None:
    if done.from_earlier:
        click.echo(f"resumed an interrupted export after {done.from_earlier:,} users")
    what = (
        "get top tracks" if items == "tracks" else "have none: the service answers popular items"
    )
    click.echo(
        f"lists for {done.users:,} users ({done.without_interactions:,} without likes {what}), "
        f"neighbours for {done.items_with_neighbours:,} {items} -> {out}"
    )
    if done.seen_all:
        click.echo(
            f"{done.seen_all:,} users have interacted with everything that could be listed: they "
            f"{what}"
        )


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("export")
