"""Reading the file, and saying in one line what is wrong with it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from botify.config.ratings import RatingsConfig
from botify.config.schema import Config
from botify.config.service import FACES, ServiceConfig
from botify.config.shop import ShopConfig, shop_defaults
from botify.errors import InputError
from botify.files.filestamp import Stamp, stamp_of
from botify.files.reading import as_input_errors, open_regular
from contract.chain_config import data_places

_MAX_BYTES = 2**20
"""Of a config file."""

_C = TypeVar("_C", bound=ServiceConfig)

AnyConfig = Config | ShopConfig | RatingsConfig
_SETTINGS: dict[str, type[AnyConfig]] = {
    "music": Config,
    "shop": ShopConfig,
    "ratings": RatingsConfig,
}


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


DEFAULT_CONFIG = Path("config/botify.yml")
_DEFAULT_CONFIGS = {"ratings": Path("config/ratings.yml")}
"""Of faces that have another one."""


def load_config(path: Path, **overrides: object) -> Config:
    """Read and check a config of the music face; overrides that are not None replace its keys.

    The environment variable REDIS_URL, if set, replaces `redis_url`. A relative `data_dir` of the
    file is relative to the working directory, or else to the folder of the file.
    Raises InputError (one line: file, key, what is allowed).
    """
    return _checked(Config, path, _read(path), overrides)


def load_service_config(
    path: Path | None, face: str | None = None, **overrides: object
) -> AnyConfig:
    """The same for a service of any face: the one asked for, or else the one that the file names.

    Without a file, the face's default config; but of the shop face, `shop_defaults` of `data_dir`.
    """
    if path is None and face == "shop":
        data_dir = overrides.get("data_dir")
        if not isinstance(data_dir, Path):
            raise InputError("name the directory to serve with --data-dir, or a --config")
        if not data_dir.is_dir():
            raise InputError(f"{data_dir}: no such directory; --data-dir names what to serve")
        return _checked(ShopConfig, data_dir, shop_defaults(data_dir), overrides)
    path = path or _default_config(face)
    values = _read(path)
    named = values.setdefault("face", face or "music")
    if face is not None and face != named:
        raise InputError(f"{path}: it is a config of the face {named!r}, not of {face!r}")
    if named not in FACES:
        raise InputError(f"{path}: face: {named!r} is not one of {', '.join(FACES)}")
    return _checked(_SETTINGS[named], path, values, overrides)


def _default_config(face: str | None) -> Path:
    return _DEFAULT_CONFIGS.get(face or "", DEFAULT_CONFIG)


def _read(path: Path) -> dict[Any, Any]:
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
    return values


def _checked(
    settings: type[_C], path: Path, values: dict[Any, Any], overrides: Mapping[str, object]
) -> _C:
    values = values | {key: value for key, value in overrides.items() if value is not None}
    if os.environ.get("REDIS_URL"):
        values["redis_url"] = os.environ["REDIS_URL"]
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {problems_of(error, settings)}") from error


class ConfigFile:
    """A config file, with what overrides its keys: it may be read again."""

    def __init__(self, path: Path | None, face: str | None = None, **overrides: object) -> None:
        """Arguments as for `load_service_config`."""
        data_dir = overrides.get("data_dir")
        self._named = path
        self.path = path or _default_config(face)
        """Of the file; of the directory that is served, where no file is."""
        if path is None and face == "shop" and isinstance(data_dir, Path):
            self.path = data_dir
        self._face = face
        self._overrides = overrides
        self.stamp: Stamp | None = None
        """Of the file, when it was last loaded."""
        self._lists: set[Path] = set()

    def load(self) -> AnyConfig:
        """As `load_service_config` does. Raises InputError, too, for a directory that is served
        without a file and has lost a list since the last time: nobody asked for that."""
        self.stamp = stamp_of(self.path)
        config = load_service_config(self._named, self._face, **self._overrides)
        lists = {of.file for of in config.list_files.values()}
        if self.path.is_dir() and (lost := self._lists - lists):
            raise InputError(
                f"{min(lost)}: no such file any more; put it back, or restart to serve without it"
            )
        self._lists = lists
        return config


def problems_of(error: ValidationError, settings: type[ServiceConfig]) -> str:
    """What is wrong with a config, in one line."""
    return "; ".join(_problem(details, settings) for details in error.errors())


def _located(config: Path, directory: Path) -> Path:
    """`data_dir` where it is found first, and a line where there are others; else unchanged."""
    found = data_places(directory, config)
    if not found:
        return directory
    if other := next((place for place in found if not place.samefile(found[0])), None):
        print(
            f"{config}: using data_dir {found[0]}; there is another one at {other}",
            file=sys.stderr,
            flush=True,
        )
    return found[0]


def _problem(details: ErrorDetails, settings: type[ServiceConfig]) -> str:
    parts = [str(part) for part in details["loc"]]
    place = ".".join(parts)
    if details["type"] == "extra_forbidden":
        allowed = f" (allowed: {', '.join(settings.model_fields)})" if len(parts) == 1 else ""
        return f"unknown key {place!r}{allowed}"
    message: Any = details["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
