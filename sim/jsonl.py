"""Reads JSON Lines into pydantic models; errors name the file and the line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

from contract.jsonlines import numbered_lines
from contract.values import integer
from sim.errors import InputError

Line = TypeVar("Line", bound=BaseModel)


def _whole(value: object) -> object:
    number = integer(value)
    return value if number is None else number


Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer, also if it is written as 133.0."""


def read_lines(path: Path, model: type[Line]) -> Iterator[tuple[int, Line]]:
    """Yields (line number from 1, parsed line) without blank lines. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: no such file: `make demo` or `botify-sim world` makes one")
    with path.open("rb") as lines:
        for number, line in numbered_lines(lines):
            try:
                yield number, model.model_validate_json(line)
            except ValidationError as error:
                raise InputError(f"{path}:{number}: {explain(error)}") from None


def explain(error: ValidationError) -> str:
    """The first fault, in one line."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"{where}: no such key: remove it or correct its spelling"
    if first["type"] == "json_invalid":
        return f"not JSON, or cut off: correct or remove it ({first['msg']})"
    return f"{where}: {first['msg']}" if where else first["msg"]
