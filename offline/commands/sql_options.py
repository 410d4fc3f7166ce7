"""The options of `import` that are of a database."""

from collections.abc import Mapping
from typing import Any

import click

from offline.errors import InputError
from offline.importing.bounds import Bounds, option
from offline.importing.formats.sql import Selection

_BOUNDS = {
    "min_users_per_item": "Take items with MORE rows than N.",
    "min_items_per_user": "Take users with N rows or more.",
    "max_items_per_user": "Take users with N rows or fewer.",
    "limit": "Take the first N pairs, by user and item.",
}
_NAMES = ("table", "query", *_BOUNDS)


def selection_options(command: Any) -> Any:
    """Adds the options; `selection_of` takes their values."""
    for name, text in reversed(_BOUNDS.items()):
        add = click.option(option(name), type=int, metavar="N", help=f"sql: {text}")
        command = add(command)
    for name, text in (
        ("query", "sql: A query to read, in place of a table."),
        ("table", "sql: The table to read; else `ratings`."),
    ):
        command = click.option(f"--{name}", metavar=name.upper(), help=text)(command)
    return command


def selection_of(values: dict[str, Any], is_sql: bool, repeats: bool) -> Selection | None:
    """Takes the options out of `values`; None where the source is no database.

    `repeats` tells whether --repeats was given. Raises InputError for options without a meaning
    for the source.
    """
    given: Mapping[str, Any] = {name: values.pop(name) for name in _NAMES}
    named = [name for name, value in given.items() if value is not None]
    if not is_sql:
        if named:
            raise InputError(f"{option(named[0])} has a meaning for a database alone")
        return None
    if repeats:
        raise InputError("--repeats has no meaning for a database: the mean of repeats is taken")
    bounds = Bounds(**{name: given[name] for name in _BOUNDS})
    return Selection(table=given["table"], query=given["query"], bounds=bounds)
