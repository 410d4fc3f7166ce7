"""Options and error handling that the commands share."""

import sys
from pathlib import Path

import click

from sim.config.editions import FAMILIES
from sim.errors import InputError

CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config/env.yml"),
    show_default=True,
    help="An env.yml: the world's files and the service's address.",
)
SEED = click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    default=31337,
    show_default=True,
    help="The same seed gives the same world and the same listeners.",
)
CHAINS = click.option(
    "--chains",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A service's config (botify.yml), for the recommenders in it that are chains of lists.",
)
DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the lists of --chains, instead of the config's data_dir.",
)
FAMILY = click.option(
    "--family",
    type=click.Choice(list(FAMILIES)),
    help="Edition whose defaults apply to what env.yml and users.json leave out: 2022 has a "
    "weaker artist discount (0.9). See docs/reference/editions.md.",
)


class Group(click.Group):
    """Commands whose InputError is one line on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise _Failure(str(error)) from error


class _Failure(click.ClickException):
    exit_code = 2


def standalone(command: click.Command) -> None:
    """Run one command as a program of its own; it fails as the commands of a `Group` do."""
    try:
        sys.exit(command.main(standalone_mode=False))
    except InputError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        sys.exit(1)
