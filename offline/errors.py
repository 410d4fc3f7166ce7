"""The one error that bad input raises in this room."""

from pathlib import Path


class InputError(ValueError):
    """Input that cannot be used; the message says what is wrong, where, and what to change.

    Examples
    --------
    >>> from offline import InputError, make_model
    >>> try:
    ...     make_model("slim")
    ... except InputError as error:
    ...     print(str(error).split(";")[0])
    no model 'slim'
    """


def check_regular(path: Path) -> None:
    """Raises InputError where there is a pipe or a device: it may never come, or never end."""
    if path.exists() and not path.is_file():
        kind = "directory" if path.is_dir() else "pipe or a device"
        raise InputError(f"{path} is a {kind}, not a regular file")
