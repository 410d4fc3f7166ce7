"""Options that several commands share."""

from pathlib import Path

import click

from sim.config.editions import FAMILIES

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
FAMILY = click.option(
    "--family",
    type=click.Choice(list(FAMILIES)),
    help="The edition whose defaults apply to what env.yml and users.json leave out: 2022 tires "
    "less of an artist (0.9). See docs/editions.md.",
)
