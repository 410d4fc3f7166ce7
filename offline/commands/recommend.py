"""`botify-offline recommend`."""

from pathlib import Path

import click

from offline.commands._listing import listing_options, numbers_of, print_list, users_of
from offline.models.registry import load_model


@click.command("recommend")
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--user", "users", multiple=True, required=True, help="Id of a user; may be repeated."
)
@listing_options
@click.option("--seen", is_flag=True, help="List what the user has interacted with, too.")
def command(model: Path, users: tuple[str, ...], n: int, as_json: bool, seen: bool) -> None:
    """Print what the model directory MODEL recommends to a user, best first.

    Each line has the item's id, its score and its title. What the user has interacted with is
    left out.
    """
    found = load_model(model)
    ids = users_of(found.data)
    rows = numbers_of(ids, users, "user")
    lists = found.recommend(rows, n, exclude_seen=not seen)
    sizes = found.data.histories.sizes[rows].tolist()
    for user, size, items, scores in zip(ids.take(rows), sizes, *lists, strict=True):
        heading = f"user {user}, {size:,} interactions, by {found.name}:"
        print_list(found.data, heading, {"user": user}, items, scores, as_json)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("recommend")
