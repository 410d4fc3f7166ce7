"""Reads the lists that the service serves, for the recommenders played in process."""

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sim.agents.policies import TOP
from sim.errors import InputError
from sim.jsonl import explain, read_lines
from sim.world import World

_Track = Annotated[int, Field(ge=0)]  # below 0 stands for none in the arrays


class _UserList(BaseModel):
    model_config = ConfigDict(strict=True)
    user: int
    tracks: list[_Track]


class _TrackList(BaseModel):
    model_config = ConfigDict(strict=True)
    track: _Track
    recommendations: list[_Track]


def read_recommendations(path: Path, world: World) -> NDArray[np.int32]:
    """Lists of recommendations.json, a row per user of the world, padded with -1."""
    row_of = {user: row for row, user in enumerate(world.users.ids.tolist())}
    lists = {
        row_of[line.user]: line.tracks
        for _, line in read_lines(path, _UserList)
        if line.user in row_of
    }
    return _padded(path, lists, len(world.users), len(world.catalog))


def read_neighbours(path: Path, world: World) -> NDArray[np.int32]:
    """Item-to-item lists, a row per track, cut to the 100 nearest, padded with -1."""
    lists = {
        line.track: line.recommendations[:TOP]
        for _, line in read_lines(path, _TrackList)
        if line.track < len(world.catalog)
    }
    return _padded(path, lists, len(world.catalog), len(world.catalog))


def read_top_tracks(path: Path, world: World) -> NDArray[np.int32]:
    """Track ids of top_tracks.json, most popular first."""
    try:
        tracks = TypeAdapter(list[_Track]).validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from error
    return _padded(path, {0: tracks}, 1, len(world.catalog)).ravel()


def _padded(
    path: Path, lists: dict[int, list[int]], rows: int, n_tracks: int
) -> NDArray[np.int32]:
    if not lists or not any(lists.values()):
        raise InputError(f"{path}: no list in it is for this world")
    out = np.full((rows, max(map(len, lists.values()))), -1, dtype=np.int32)
    for row, tracks in lists.items():
        out[row, : len(tracks)] = tracks
    if (out >= n_tracks).any():
        raise InputError(f"{path}: track {out.max()} is not in this world's 0 to {n_tracks - 1}")
    return out
