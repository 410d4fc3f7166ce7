"""`botify-offline export`."""

import sys
from pathlib import Path

import click

from offline.artefact import load_artefact
from offline.export import export_lists
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
def command(model: Path, interactions: Path, out: Path, length: int, block: int) -> None:
    """Write recommendations.json, neighbours.json and top_tracks.json.

    Every user of the log gets a list, best first: from MODEL given the user's
    INTERACTIONS, or the most popular tracks where there are none. Neighbours
    are by cosine of co-listening over the same interactions.

    While it runs, lists wait in OUT.export, and OUT is as it was. After an
    interruption the same command goes on from there.
    """
    artefact = load_artefact(model)
    done = export_lists(
        artefact,
        Source.open(interactions, artefact.model.n_tracks),
        out,
        list_length=length,
        block=block,
        progress=sys.stderr.isatty(),
    )
    if done.from_earlier:
        click.echo(f"went on after {done.from_earlier:,} users of an interrupted export")
    click.echo(
        f"lists for {done.users:,} users ({done.without_interactions:,} without interactions get "
        f"top tracks), neighbours for {done.tracks_with_neighbours:,} tracks -> {out}"
    )
