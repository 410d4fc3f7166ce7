"""`botify-offline models`."""

import inspect

import click

from offline.commands._plugin_list import list_plugins
from offline.models.registry import MODELS, model_class


@click.command("models")
@click.option("--options", is_flag=True, help="Show each model's options and their defaults.")
def command(options: bool) -> None:
    """List the models that are installed, by the name that --model takes.

    Models of other packages are among them, named with their package. One that cannot be imported
    is named with the reason, and the exit code is 1; the others can be used.
    """

    def describe(name: str) -> tuple[str, list[str]]:
        found = model_class(name)
        about = (inspect.getdoc(found) or "").split("\n")[0]
        shown = found.Config().model_dump(mode="json") if options else {}
        return about, [
            f"{option}: {'null' if value is None else value}" for option, value in shown.items()
        ]

    list_plugins(MODELS, "model", describe)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("models")
