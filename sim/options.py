"""Options that several commands share."""

from pathlib import Path

import click

CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config/env.yml"),
    show_default=True,
    help="The world, and where the service is.",
)
SEED = click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    default=31337,
    show_default=True,
    help="Same seed, same world and listeners.",
)
