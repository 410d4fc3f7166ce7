"""Options and files that several commands have in common."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from offline.engine import NAMES
from offline.errors import InputError
from offline.experiment.checks.declared import declared_weights

Command = Callable[..., None]

engine_option = click.option(
    "--engine",
    type=click.Choice(NAMES),
    default="duckdb",
    show_default=True,
    help="Database that runs the queries; with spark, LOGS may be hdfs:// "
    "(docs/how-to/analyse-on-spark.md).",
)

weights_option = click.option(
    "--weights", help="Planned shares, such as C=9,T1=1, if they were not equal."
)


def grouped(argument: str, group: type[Any]) -> Callable[[Command], Command]:
    """Give the command one `argument` for the options named as the fields of `group`, a dataclass.

    The order in which --help lists the options is that of their own decorators.
    """
    names = [field.name for field in fields(group)]

    def group_options(command: Command) -> Command:
        @functools.wraps(command)
        def with_group(**values: Any) -> None:
            given = group(**{name: values.pop(name) for name in names})
            command(**values, **{argument: given})

        return with_group

    return group_options


@dataclass(frozen=True)
class Planned:
    """Where the planned treatments and their shares are read from."""

    weights: str | None
    treatments: str | None
    config: Path | None
    service: str | None

    def shares(self, experiment: str) -> dict[str, float] | None:
        """See `declared_weights`."""
        return declared_weights(
            experiment, self.weights, self.treatments, self.config, self.service
        )


def planned_treatments_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the planned treatments and their shares are read from."""
    command = click.option(
        "--service",
        metavar="URL",
        help="URL of a running service, for the same (its GET /experiments).",
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="Path to the service's config, for the treatments and their shares.",
    )(command)


def write_text(path: Path, text: str) -> None:
    """Write `text`, and the directories above it. Raises InputError where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def read_users(text: str) -> list[str]:
    """`12,345`, or the name of a file with one id a line. Raises InputError for no id at all."""
    path = Path(text)
    try:
        named = path.read_text(encoding="utf-8-sig").split("\n") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--drop-users {text}: cannot be read: {error}") from error
    if named is None and not all(c.isalnum() or c in ",-_ " for c in text):
        raise InputError(f"--drop-users {text}: neither a file nor ids like 12,345")
    users = [user.strip() for user in (text.split(",") if named is None else named)]
    found = [user for user in users if user]
    if not found:
        raise InputError(f"--drop-users {text}: it has no ids")
    return found
