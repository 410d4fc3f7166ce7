"""`botify-offline export`."""

from pathlib import Path

import click

from offline.artefact import load_artefact
from offline.export import export_lists
from offline.interactions import Interactions


@click.command("export")
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where lists go.")
@click.option(
    "--length", default=50, show_default=True, type=click.IntRange(min=1), help="Tracks a user."
)
def command(model: Path, interactions: Path, out: Path, length: int) -> None:
    """Write recommendations.json, neighbours.json and top_tracks.json.

    Every user of the log gets a list, best first: from MODEL given the user's
    INTERACTIONS, or the most popular tracks where there are none. Neighbours
    are by cosine of co-listening over the same interactions.
    """
    done = export_lists(
        load_artefact(model), Interactions.load(interactions), out, list_length=length
    )
    click.echo(
        f"lists for {done.users:,} users ({done.without_interactions:,} without interactions get "
        f"top tracks), neighbours for {done.tracks_with_neighbours:,} tracks -> {out}"
    )
