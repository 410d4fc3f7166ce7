"""`botify-offline models`."""

import inspect

import click

from offline.errors import InputError
from offline.models.registry import MODELS, model_class


@click.command("models")
@click.option("--options", is_flag=True, help="Show each model's options and their defaults.")
def command(options: bool) -> None:
    """List the models that are installed, by the name that --model takes.

    Models of other packages are among them, named with their package. One that cannot be imported
    is named with the reason, and the exit code is 1; the others can be used.
    """
    wrong = False
    width = max(map(len, MODELS.names), default=0)
    plugins = {plugin.name: plugin for plugin in MODELS.all}
    for name in MODELS.names:
        try:
            found = model_class(name)
        except InputError as error:
            wrong = True
            click.echo(f"{name:<{width}}  {error}", err=True)
            continue
        about = (inspect.getdoc(found) or "").split("\n")[0]
        plugin = plugins[name]
        of = "" if plugin.built_in else f" ({plugin.distribution})"
        click.echo(f"{name:<{width}}  {about}{of}")
        if options:
            for option, value in found.Config().model_dump(mode="json").items():
                click.echo(f"{'':<{width}}    {option}: {'null' if value is None else value}")
    for problem in MODELS.problems:
        if not any(problem.startswith(f"model {name!r}") for name in MODELS.names):
            click.echo(problem, err=True)
    if wrong:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("models")
