"""Reads and writes the files of a world: tracks.json, tracks.npy, users.json."""

from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contract.catalog import CatalogError, artist_numbers, read_catalog
from contract.files import EMBEDDINGS, TRACKS, USERS
from contract.values import is_nothing
from sim.config import SimConfig, UserCatalogConfig
from sim.errors import InputError
from sim.jsonl import Whole, read_lines
from sim.world.model import Catalog, Users, World


def _or_none(value: object) -> object:
    return None if is_nothing(value) else value


_T = TypeVar("_T")
_Id = Annotated[Whole, Field(ge=0, lt=2**63)]
_Count = Annotated[Whole, Field(ge=1, lt=2**63)]
_Absent = Annotated[_T | None, BeforeValidator(_or_none)]


class _UserLine(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    user: _Id
    interests: list[_Id] = Field(min_length=1)
    consume_bias: _Absent[float] = None
    consume_sharpness: _Absent[Annotated[float, Field(gt=0)]] = None
    interest_neighbours: _Absent[_Count] = None
    session_budget: _Absent[_Count] = None
    artist_discount_gamma: _Absent[Annotated[float, Field(ge=0, le=1)]] = None


def save_world(world: World, directory: Path) -> None:
    """Write the three files into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    catalog, users = world.catalog, world.users
    with (directory / TRACKS).open("wb") as out:
        for track, title in enumerate(catalog.titles):
            line = {"track": track, "artist": catalog.artist(track), "title": title}
            out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    np.save(directory / EMBEDDINGS, world.embeddings)
    with (directory / USERS).open("wb") as out:
        for row in range(len(users)):
            interests = users.interests[users.bounds[row] : users.bounds[row + 1]]
            traits = {name: getattr(users, name)[row].item() for name in _TRAITS}
            line = {"user": int(users.ids[row]), "interests": interests.tolist(), **traits}
            out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


_TRAITS = (
    "consume_bias",
    "consume_sharpness",
    "interest_neighbours",
    "session_budget",
    "artist_discount_gamma",
)


def open_world(config: SimConfig) -> World:
    """Load the world that a config names.

    Parameters
    ----------
    config : SimConfig
        As `load_config` returns it.

    Returns
    -------
    World

    Raises
    ------
    InputError
        If a file is missing or wrong; names the file and the line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sim import load_config, open_world
    >>> world = open_world(load_config(Path("out/demo/world/env.yml")))  # doctest: +SKIP
    """
    tracks, users = config.track_catalog_config, config.user_catalog_config
    paths = tracks.track_meta_path, tracks.track_embeddings_path, users.user_catalog_path
    for path in paths:
        if not path.is_absolute() and not path.exists():
            raise InputError(
                f"{path}: no such file, neither from the working directory nor beside the config: "
                f"`make demo` or `botify-sim world` makes one"
            )
    return load_world(*paths, users)


def load_world(tracks: Path, embeddings: Path, users: Path, defaults: UserCatalogConfig) -> World:
    """Load a world from its three files. Raises InputError that names file and line."""
    parts = load_catalog(tracks), load_embeddings(embeddings), load_users(users, defaults)
    try:
        return World(*parts, kept_at=embeddings.with_suffix(".first_tracks.npz"))
    except InputError as error:
        raise InputError(f"{tracks}, {embeddings} and {users}: {error}") from error


def load_catalog(path: Path) -> Catalog:
    """The catalog of a tracks.json, as `contract.catalog` says. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: no such file: `make demo` or `botify-sim world` makes one")
    try:
        with path.open("rb") as lines:
            tracks = read_catalog(lines, orjson.loads)
    except CatalogError as error:
        raise InputError(error.at(path)) from error
    artist_of = artist_numbers(track.artist for track in tracks)
    artists = [""] * (max(artist_of) + 1)
    for track, artist in zip(tracks, artist_of, strict=True):
        artists[artist] = track.artist
    return Catalog(
        [track.title for track in tracks], artists, np.asarray(artist_of, dtype=np.int32)
    )


def load_embeddings(path: Path) -> NDArray[np.float32]:
    """The float array of a .npy file, as float32."""
    if not path.is_file():
        raise InputError(f"{path}: no such file: `make demo` or `botify-sim world` makes one")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a .npy file of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise InputError(f"{path}: an array of floating-point numbers is needed")
    with np.errstate(over="ignore"):  # too large a number becomes inf, which World refuses
        return np.ascontiguousarray(array, dtype=np.float32)


def load_users(path: Path, defaults: UserCatalogConfig) -> Users:
    """The listeners of a users.json; `defaults` apply to what a line leaves out.

    Raises InputError that names file and line.
    """
    by_id: dict[int, _UserLine] = {}
    for number, line in read_lines(path, _UserLine):
        if line.user in by_id:
            raise InputError(f"{path}:{number}: user {line.user} is there twice: remove one")
        by_id[line.user] = line
    if not by_id:
        raise InputError(f"{path}: it has no users: at least one is needed")

    def trait(name: str) -> list[float]:
        default = getattr(defaults, f"default_{name}")
        values = (getattr(line, name) for line in by_id.values())
        return [default if value is None else value for value in values]

    lists = [line.interests for line in by_id.values()]
    return Users(
        ids=np.fromiter(by_id, dtype=np.int64, count=len(by_id)),
        bounds=np.cumsum([0, *map(len, lists)], dtype=np.int64),
        interests=np.asarray(
            [track for interests in lists for track in interests], dtype=np.int64
        ),
        consume_bias=np.asarray(trait("consume_bias"), dtype=np.float64),
        consume_sharpness=np.asarray(trait("consume_sharpness"), dtype=np.float64),
        interest_neighbours=np.asarray(trait("interest_neighbours"), dtype=np.int64),
        session_budget=np.asarray(trait("session_budget"), dtype=np.int64),
        artist_discount_gamma=np.asarray(trait("artist_discount_gamma"), dtype=np.float64),
    )
