"""Lists of a model for people: with the owner's ids and titles."""

import json
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from offline.data.ids import Id, Ids
from offline.data.training_set import TrainingSet
from offline.errors import InputError

_SHOWN = 3
"""Ids that an error about an unknown one names."""


def listing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-n` and `--json`: arguments n and as_json."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")(command)
    return click.option(
        "-n",
        "n",
        default=10,
        show_default=True,
        type=click.IntRange(min=1),
        help="Length of the list.",
    )(command)


def numbers_of(ids: Ids, written: tuple[str, ...], what: str) -> NDArray[np.int64]:
    """The numbers of ids as typed. Raises InputError for one that the model does not know."""
    found = []
    for text in written:
        number = ids.number_of(text)
        if number is None:
            some = ", ".join(map(str, ids.take(np.arange(min(_SHOWN, len(ids))))))
            raise InputError(
                f"{what} {text}: the model was trained on no such {what}; there are {len(ids):,}, "
                f"such as {some}"
            )
        found.append(number)
    return np.array(found, dtype=np.int64)


def users_of(data: TrainingSet) -> Ids:
    """The ids of the users that a model was trained on."""
    return Ids(data.users)


def items_of(data: TrainingSet) -> Ids:
    """The ids of the items: the owner's, or their numbers."""
    return Ids(np.arange(data.histories.n_tracks)) if data.items is None else data.items


def title_of(data: TrainingSet, item: int) -> str | None:
    """The title of an item, where it is known."""
    if data.titles is None or item >= len(data.titles):
        return None
    title: str | None = data.titles[item].as_py()
    return title


def print_list(
    data: TrainingSet,
    heading: str,
    about: dict[str, Id],
    items: NDArray[np.int64],
    scores: NDArray[np.float32],
    as_json: bool,
) -> None:
    """One list, best first, as lines of a table or as one JSON line."""
    there = items >= 0
    ids = items_of(data).take(items[there])
    rows = [
        {"item": id_, "title": title_of(data, item), "score": float(f"{score:.6g}")}
        for id_, item, score in zip(
            ids, items[there].tolist(), scores[there].tolist(), strict=True
        )
    ]
    if as_json:
        click.echo(json.dumps({**about, "items": rows}))
        return
    click.echo(heading)
    if not rows:
        click.echo("  nothing")
    width = max((len(str(row["item"])) for row in rows), default=0)
    for place, row in enumerate(rows, 1):
        title = row["title"] or ""
        click.echo(
            f"{place:>4}  {row['item']!s:<{width}}  {row['score']:>10.4g}  {title}".rstrip()
        )
