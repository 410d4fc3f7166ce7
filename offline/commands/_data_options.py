"""The data that models are measured on, and how it is divided."""

from pathlib import Path

import click

from contract.interactions import SUMMARY
from offline.data.interactions import Interactions
from offline.datasets.dataset import Dataset
from offline.errors import InputError
from offline.evaluation.splits import SPLITS
from offline.importing.evaluated import LOADERS as FORMATS
from offline.importing.evaluated import likes_of

INTERACTIONS = "interactions"
"""Stands for a format where the data is what `import` or `collect` wrote."""

split_option = click.option(
    "--split",
    type=click.Choice(SPLITS),
    help="Which likes are asked for: those of the data's own test part, the last fifth in time of "
    "all, or a random fifth of each user's. [default: the first that the data allows; with "
    "--format, its own or random]",
)


def read_data(directory: Path, format_: str | None) -> Dataset:
    """A public data set of that format, or, for None, what `import` or `collect` wrote.

    Raises InputError for what cannot be read.
    """
    if format_ is not None:
        return FORMATS[format_](directory)
    if not (directory / SUMMARY).is_file():
        raise InputError(
            f"{directory}: no interactions there: make them with `botify-offline import`, name "
            "INTERACTIONS after a model, or for a public data set add --format, one of "
            f"{', '.join(FORMATS)}"
        )
    return likes_of(Interactions.load(directory), directory.resolve().name)
