"""Reading the file, and saying in one line what is wrong with it."""

import os
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from botify.config.schema import Config
from botify.errors import InputError
from botify.files.reading import as_input_errors, open_regular

_MAX_BYTES = 2**20
"""Of a config file."""


class _Loader(yaml.SafeLoader):
    """Refuses a repeated key, of which YAML's own loader silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_config(path: Path, **overrides: object) -> Config:
    """Read and check a config file; overrides that are not None replace its keys.

    The environment variable REDIS_URL, if set, replaces `redis_url`. A relative `data_dir` of the
    file is relative to the working directory, or else to the folder of the file.
    Raises InputError (one line: file, key, what is allowed).
    """
    try:
        with open_regular(path) as file, as_input_errors(path):
            content = file.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                raise InputError(f"{path}: cannot be read (larger than {_MAX_BYTES:,} bytes)")
            text = content.decode()
    except InputError as error:
        raise InputError(f"{error}; name it with --config") from error
    try:
        values = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected keys and values, such as `port: 5001`")
    if isinstance(values.get("data_dir"), str):
        values["data_dir"] = _located(path, Path(values["data_dir"]))
    values |= {key: value for key, value in overrides.items() if value is not None}
    if os.environ.get("REDIS_URL"):
        values["redis_url"] = os.environ["REDIS_URL"]
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(details) for details in error.errors())
        raise InputError(f"{path}: {problems}") from error


def _located(config: Path, directory: Path) -> Path:
    """`data_dir`, relative to the first of these where it exists: the working directory, the
    folder of the config, the one above that; unchanged if it does not exist."""
    folder = config.parent
    found = [p for p in (directory, folder / directory, folder / ".." / directory) if p.is_dir()]
    if not found:
        return directory
    if other := next((place for place in found if not place.samefile(found[0])), None):
        print(
            f"{config}: using data_dir {found[0]}; there is another one at {other}",
            file=sys.stderr,
            flush=True,
        )
    return found[0]


def _problem(details: ErrorDetails) -> str:
    parts = [str(part) for part in details["loc"]]
    place = ".".join(parts)
    if details["type"] == "extra_forbidden":
        allowed = f" (allowed: {', '.join(Config.model_fields)})" if len(parts) == 1 else ""
        return f"unknown key {place!r}{allowed}"
    message: Any = details["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
