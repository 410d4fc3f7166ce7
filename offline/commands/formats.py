"""`botify-offline formats`."""

import click

from offline.commands._plugin_list import list_plugins
from offline.importing.registry import FORMATS, make_format


@click.command("formats")
def command() -> None:
    """List the formats that `import` reads, by the name that --format takes.

    Formats of other packages are among them, named with their package. One that cannot be imported
    is named with the reason, and the exit code is 1; the others can be used.
    """
    list_plugins(FORMATS, "format", lambda name: (make_format(name).about, ()))


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("formats")
