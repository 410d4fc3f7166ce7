"""Reads the list files of the service, for the recommenders in process."""

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from contract.jsonlines import BOM
from contract.lists import OWNER_KEYS
from contract.values import is_nothing
from sim.agents.chain import MAX_CANDIDATES
from sim.errors import InputError
from sim.jsonl import Whole, explain, read_lines
from sim.world import World

_Track = Annotated[Whole, Field(ge=0, lt=2**31)]  # the arrays use -1 for none


def _or_empty(value: object) -> object:
    """Other editions write null or NaN for a track without neighbours."""
    return [] if is_nothing(value) else value


class _UserList(BaseModel):
    model_config = ConfigDict(strict=True)
    user: Annotated[Whole, Field(ge=0)]
    tracks: list[_Track] = Field(min_length=1)


class _TrackList(BaseModel):
    """Other editions call `track` `item_id`; a track without neighbours may have no list."""

    model_config = ConfigDict(strict=True)
    track: _Track = Field(validation_alias=AliasChoices(*OWNER_KEYS))
    item_id: Whole | None = None
    recommendations: Annotated[list[_Track], BeforeValidator(_or_empty)] = []

    @model_validator(mode="after")
    def _one_name(self) -> "_TrackList":
        if self.item_id not in (None, self.track):
            raise ValueError(f"track {self.track} and item_id {self.item_id} differ: leave one")
        return self


def read_recommendations(path: Path, world: World) -> NDArray[np.int32]:
    """The lists of recommendations.json: int32, one row per user of the world, padded with -1.

    Raises InputError that names file and line.
    """
    row_of = {user: row for row, user in enumerate(world.users.ids.tolist())}
    lists: dict[int, list[int]] = {}
    for number, line in read_lines(path, _UserList):
        if (row := row_of.get(line.user)) is not None:
            if row in lists:
                raise InputError(f"{path}:{number}: user {line.user} has a list already")
            lists[row] = _checked(f"{path}:{number}", line.tracks, world)
    return _padded(path, lists, len(world.users))


def read_neighbours(path: Path, world: World) -> NDArray[np.int32]:
    """Item-to-item lists: int32, one row per track, cut to the 100 nearest, padded with -1.

    Raises InputError that names file and line.
    """
    lists: dict[int, list[int]] = {}
    for number, line in read_lines(path, _TrackList):
        if line.track < len(world.catalog):
            if line.track in lists:
                raise InputError(f"{path}:{number}: track {line.track} has a list already")
            neighbours = line.recommendations or []
            lists[line.track] = _checked(f"{path}:{number}", neighbours, world)[:MAX_CANDIDATES]
    return _padded(path, lists, len(world.catalog))


def read_top_tracks(path: Path, world: World) -> NDArray[np.int32]:
    """Track ids of top_tracks.json, int32, most popular first. Raises InputError."""
    try:
        content = path.read_bytes().removeprefix(BOM)
        tracks = TypeAdapter(list[_Track]).validate_json(content, strict=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from error
    return _padded(path, {0: _checked(str(path), tracks, world)}, 1).ravel()


def _checked(where: str, tracks: list[int], world: World) -> list[int]:
    """The tracks, if all are in the world and none comes twice."""
    if unknown := [track for track in tracks if track >= len(world.catalog)]:
        raise InputError(
            f"{where}: track {unknown[0]} is not in this world's 0 to {len(world.catalog) - 1}"
        )
    if len(set(tracks)) < len(tracks):
        twice = next(track for track in tracks if tracks.count(track) > 1)
        raise InputError(f"{where}: track {twice} is there twice")
    return tracks


def _padded(path: Path, lists: dict[int, list[int]], rows: int) -> NDArray[np.int32]:
    if not lists or not any(lists.values()):
        raise InputError(f"{path}: it has no list for this world")
    out = np.full((rows, max(map(len, lists.values()))), -1, dtype=np.int32)
    for row, tracks in lists.items():
        out[row, : len(tracks)] = tracks
    return out
