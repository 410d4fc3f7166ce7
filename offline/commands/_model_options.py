"""Options that say which model, and with which options of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from offline.models.base import Recommender
from offline.models.registry import model_class
from offline.options import load_model_options, overridden, settings

CONFIG = Path("config/train.yml")


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--model`, `--config` and `--set`: arguments model, config and set_ of `make`."""
    command = click.option(
        "--set",
        "set_",
        metavar="OPTION=VALUE",
        multiple=True,
        help="An option of the model, such as factors=128; may be repeated.",
    )(command)
    command = click.option(
        "--config",
        type=click.Path(path_type=Path),
        help=f"Path to a file with the model and its options. [default: {CONFIG}, if it is there]",
    )(command)
    return click.option(
        "--model",
        help="Name of the model; `botify-offline models` lists them. [default: the config's, "
        "or dae]",
    )(command)


def make(model: str | None, config: Path | None, set_: tuple[str, ...]) -> Recommender:
    """The model that these options ask for, not fitted.

    Options of a file count only for the model that it is about. Raises InputError for a file that
    cannot be read, one about another model than `model`, and unknown names and bad values.
    """
    path = config or CONFIG
    name, options = ("dae", {}) if config is None and not path.exists() else _of(path)
    if model is not None and model != name:
        if config is not None:
            raise click.UsageError(f"--config {config} is about {name}, not --model {model}")
        name, options = model, {}
    found = model_class(name)
    found.Config.of(options, str(path))  # so that an error names the file
    return found(found.Config.of(overridden(options, settings(set_)), f"{name}, --set"))


def _of(path: Path) -> tuple[str, dict[str, Any]]:
    name, options = load_model_options(path)
    return name, options
