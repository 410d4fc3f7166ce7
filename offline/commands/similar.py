"""`botify-offline similar`."""

from pathlib import Path

import click

from offline.commands._listing import (
    items_of,
    listing_options,
    numbers_of,
    print_list,
    title_of,
)
from offline.models.registry import load_model


@click.command("similar")
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--item", "items", multiple=True, required=True, help="Id of an item; may be repeated."
)
@listing_options
def command(model: Path, items: tuple[str, ...], n: int, as_json: bool) -> None:
    """Print the items that the model directory MODEL finds most similar to an item.

    By the cosine of the items' vectors where the model has them, else its ranking for a user who
    interacted with that item alone.
    """
    found = load_model(model)
    ids = items_of(found.data)
    numbers = numbers_of(ids, items, "item")
    for item, number, near, scores in zip(
        ids.take(numbers), numbers.tolist(), *found.similar_items(numbers, n), strict=True
    ):
        title = title_of(found.data, number)
        heading = f"item {item}{f', {title},' if title else ''} by {found.name}:"
        print_list(found.data, heading, {"item": item}, near, scores, as_json)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("similar")
