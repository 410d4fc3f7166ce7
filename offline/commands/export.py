"""`botify-offline export`."""

import sys
from pathlib import Path

import click
import numpy as np

from offline.artefact import SESSIONS, load_artefact
from offline.atomic import write_atomic
from offline.errors import InputError
from offline.export import export_lists
from offline.listing.artists import artists_of
from offline.listing.habits import PLAYS, Habits
from offline.listing.sessions import by_sessions
from offline.source import Source


@click.command("export")
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where lists go.")
@click.option(
    "--length", default=50, show_default=True, type=click.IntRange(min=1), help="Tracks a user."
)
@click.option(
    "--block",
    default=4096,
    show_default=True,
    type=click.IntRange(min=1),
    help="Users at a time: an interrupted export has no more to do again.",
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
def command(
    model: Path,
    interactions: Path,
    out: Path,
    length: int,
    block: int,
    kind: str | None,
    catalog: Path | None,
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
    source = Source.open(interactions, n_tracks)
    artefact.check_trained_on(source.fingerprint)
    kind = kind or ("sessions" if (interactions / PLAYS).is_file() else "score")
    lists, said = None, "ranked by score"
    if kind == "sessions":
        # Without a catalog every track has an artist of its own.
        artists = np.arange(n_tracks) if catalog is None else artists_of(catalog, n_tracks)
        habits = Habits.read(interactions, source.users, artists)
        lists = by_sessions(artefact.model, source.histories, habits, artists, length)
        said = (
            f"made for sessions that bear {habits.patience:.2f} misses, where an artist's next "
            f"track is heard {100 * (1 - habits.artist_discount):.0f} % less"
        )
    done = export_lists(
        artefact,
        source,
        out,
        list_length=length,
        block=block,
        lists=lists,
        progress=sys.stderr.isatty(),
    )
    if done.from_earlier:
        click.echo(f"went on after {done.from_earlier:,} users of an interrupted export")
    click.echo(
        f"lists for {done.users:,} users ({done.without_interactions:,} without interactions get "
        f"top tracks), neighbours for {done.tracks_with_neighbours:,} tracks -> {out}"
    )
    click.echo(f"lists are {said}")
    hears = model / SESSIONS
    if hears.is_file():
        try:
            write_atomic(out / SESSIONS, hears.read_bytes())
        except OSError as error:
            raise InputError(f"cannot write {out / SESSIONS}: {error.strerror}") from error
        click.echo(f"the model that hears sessions -> {out / SESSIONS}")
