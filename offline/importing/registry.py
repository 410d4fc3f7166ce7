"""Formats of data by name: entry points of the group `botify.datasets`."""

from pathlib import Path
from typing import Any

from contract.plugins import PluginError, Plugins
from offline.errors import InputError
from offline.importing.clean_text import packing_of
from offline.importing.source import DataFormat

GROUP = "botify.datasets"
_LAST = ("csv", "parquet", "jsonl")
"""They recognise any file of their kind, so all others are asked first."""


def _wrong(found: Any) -> str | None:
    if not (isinstance(found, type) and issubclass(found, DataFormat)):
        return "it is no subclass of offline.importing.source.DataFormat"
    missing = [name for name in ("name", "about") if not hasattr(found, name)]
    return f"it has no {missing[0]!r}" if missing else None


FORMATS = Plugins(GROUP, "format", _wrong)


def make_format(name: str) -> DataFormat:
    """The format of that name. Raises InputError for one that is unknown or cannot be imported."""
    try:
        found: DataFormat = FORMATS.get(name)()
    except PluginError as error:
        raise InputError(str(error)) from error
    return found


def guess_format(source: Path) -> tuple[str, list[str]]:
    """The format that recognises a source, and what is wrong with formats that cannot be asked.

    Raises InputError where none does, or several.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or directory")
    if source.is_file():
        packing_of(source)  # names an archive as what it is
    notes: list[str] = []
    found: list[str] = []
    for name in (*(each for each in FORMATS.names if each not in _LAST), *_LAST):
        if found and name in _LAST:
            break
        try:
            if make_format(name).recognises(source):
                found.append(name)
        except InputError as error:
            if FORMATS.problem(name):
                notes.append(str(error))
        except Exception as error:  # of another package: the rest goes on
            notes.append(f"format {name!r} cannot tell whether it is its own: {error!r}")
    if not found:
        raise InputError(
            f"{source}: of no format that is known: name one with --format, of "
            f"{', '.join(FORMATS.names)}"
        )
    if len(found) > 1:
        raise InputError(f"{source}: may be {' or '.join(found)}: say which with --format")
    return found[0], notes
