"""`botify-sim`: worlds, listeners and the ladder. Wires options to functions, nothing more."""

import sys

import click

from sim.errors import InputError
from sim.ladder.command import ladder
from sim.run import run
from sim.worldgen.command import world


class _Failure(click.ClickException):
    exit_code = 2


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise _Failure(str(error)) from error


@click.group(cls=_Group)
@click.version_option(package_name="botify")
def main() -> None:
    """Simulate listeners.

    \b
    world    build a world: catalog, the truth about taste, and people
    run      play sessions against a recommender
    ladder   play every recommender on the same listeners and compare
    """


main.add_command(world)
main.add_command(run)
main.add_command(ladder)


def standalone(command: click.Command) -> None:
    """Run one command as a program of its own, failing as the group's commands do."""
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


if __name__ == "__main__":
    main()
