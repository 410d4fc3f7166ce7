"""Lists what installed packages offer under one entry-point group."""

from collections.abc import Callable, Iterable

import click

from contract.plugins import Plugins
from offline.errors import InputError


def list_plugins(
    plugins: Plugins, what: str, describe: Callable[[str], tuple[str, Iterable[str]]]
) -> None:
    """Print each plug-in with its package, and what is wrong with it.

    `describe(name)` gives a line and details, each printed on a line below, or raises InputError;
    then the exit code is 1, and the others are printed all the same.
    """
    wrong = False
    width = max(map(len, plugins.names), default=0)
    known = {plugin.name: plugin for plugin in plugins.all}
    for name in plugins.names:
        try:
            about, details = describe(name)
        except InputError as error:
            wrong = True
            click.echo(f"{name:<{width}}  {error}", err=True)
            continue
        of = "" if known[name].built_in else f" ({known[name].distribution})"
        click.echo(f"{name:<{width}}  {about}{of}")
        for detail in details:
            click.echo(f"{'':<{width}}    {detail}")
    for problem in plugins.problems:
        if not any(problem.startswith(f"{what} {name!r}") for name in plugins.names):
            click.echo(problem, err=True)
    if wrong:
        raise click.exceptions.Exit(1)
