"""Small worlds, made in memory or as files, and the command line as a program."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from contract.chain_presets import PRESETS
from sim.agent import Agent, Answer, Turn
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.rng import Streams
from sim.world import Catalog, Users, World

REPO = Path(__file__).parents[2]


@pytest.fixture
def make_world() -> Callable[..., World]:
    """make_world(n_users=..., ...): a random world whose sessions are neither short nor endless.

    Scalars or arrays for the traits replace the random ones.
    """

    def make(
        n_users: int = 20, n_tracks: int = 60, n_artists: int = 12, seed: int = 1, **traits: Any
    ) -> World:
        rng = np.random.default_rng(seed)
        artist_of = rng.integers(0, n_artists, n_tracks).astype(np.int32)
        catalog = Catalog(
            [f"title {t}" for t in range(n_tracks)],
            [f"artist {a}" for a in range(n_artists)],
            artist_of,
        )
        embeddings = rng.normal(scale=1.5, size=(n_tracks, 6)).astype(np.float32)
        counts = rng.integers(1, 5, n_users)
        drawn = {
            "consume_bias": rng.uniform(-2.0, 6.0, n_users),
            "consume_sharpness": np.exp(rng.uniform(np.log(0.5), np.log(2.0), n_users)),
            "interest_neighbours": rng.integers(1, 12, n_users),
            "session_budget": rng.integers(1, 8, n_users),
            "artist_discount_gamma": rng.uniform(0.0, 1.0, n_users),
        }
        kept = {
            name: np.broadcast_to(np.asarray(traits[name], dtype=values.dtype), n_users).copy()
            if name in traits
            else values
            for name, values in drawn.items()
        }
        users = Users(
            ids=rng.permutation(10 * n_users)[:n_users].astype(np.int64),
            bounds=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            interests=rng.integers(0, n_tracks, int(counts.sum())),
            **kept,
        )
        return World(catalog, embeddings, users)

    return make


@pytest.fixture(scope="session")
def any_world() -> Callable[[int], World]:
    """any_world(seed): a world of any shape; all of it follows from the seed.

    1 to 90 tracks of 1 to 64 dimensions, among which may be equal ones; users
    with one interest or many, and traits up to their bounds; in every other
    world some tracks have hype.
    """

    def make(seed: int) -> World:
        rng = np.random.default_rng(seed)
        n_tracks, n_users = int(rng.integers(1, 91)), int(rng.integers(1, 12))
        n_artists, d = int(rng.integers(1, n_tracks + 1)), int(rng.choice([1, 2, 3, 4, 5, 7, 64]))
        rows = {
            "any": rng.normal(scale=np.sqrt(8 / d), size=(n_tracks, d)),
            "whole numbers": rng.integers(-1, 2, size=(n_tracks, d)),
            "equal ones": rng.normal(scale=np.sqrt(8 / d), size=(5, d))[
                rng.integers(0, 5, n_tracks)
            ],
        }
        counts = rng.integers(1, rng.choice([2, 5, 40]), n_users)
        gammas = rng.uniform(0.0, 1.0, n_users)
        users = Users(
            ids=rng.choice([0, 2**31, 2**63 - 100]) + rng.permutation(90)[:n_users],
            bounds=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            interests=rng.integers(0, n_tracks, int(counts.sum())),
            consume_bias=rng.uniform(-3.0, 6.0, n_users),
            consume_sharpness=np.exp(rng.uniform(np.log(0.5), np.log(2.0), n_users))
            * rng.choice([1.0, 1.0, 1.0, 1e-3, 1e3], n_users),
            interest_neighbours=rng.integers(1, 2 * n_tracks + 1, n_users),
            session_budget=rng.integers(1, 9, n_users),
            artist_discount_gamma=rng.choice([0.0, 0.5, 1.0, *gammas], n_users),
        )
        names = [str(number) for number in range(n_tracks)]
        catalog = Catalog(
            names, names[:n_artists], rng.integers(0, n_artists, n_tracks).astype(np.int32)
        )
        kind = rng.choice(list(rows))
        world = World(catalog, rows[kind].astype(np.float32), users)
        liked = rng.uniform(0.0, 5.0, n_tracks) * (rng.uniform(size=n_tracks) < 0.1)
        return world.with_hype(liked) if rng.integers(2) else world

    return make


class Anything:
    """Any track, played before or not: so that sessions meet repeats at every place."""

    name = "anything"
    sources: tuple[str, ...] = ("anything",)

    def __init__(self, seed: int, n_tracks: int) -> None:
        self._rng, self._n_tracks = np.random.default_rng(seed), n_tracks

    def begin(self, world: World, slots: int) -> None:
        pass

    def end(self, turn: Turn) -> None:
        pass

    def recommend(self, turn: Turn) -> Answer:
        return Answer(self._rng.integers(0, self._n_tracks, len(turn.slots)))


class Lists(NamedTuple):
    """What the policies read, as lists without padding; some are empty."""

    top: list[int]
    mine: list[list[int]]
    near: list[list[int]]


def _lists(world: World, seed: int, longest: int = 8) -> Lists:
    rng = np.random.default_rng(seed)
    n = len(world.catalog)

    def some(length: int) -> list[int]:
        tracks: list[int] = rng.permutation(n)[:length].tolist()
        return tracks

    lengths = rng.integers(0, longest, len(world.users) + n)
    return Lists(
        some(longest),
        [some(length) for length in lengths[: len(world.users)]],
        [some(length) for length in lengths[len(world.users) :]],
    )


def _padded(lists: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    out = np.full((len(lists), max(1, *map(len, lists))), -1, dtype=np.int32)
    for row, tracks in zip(out, lists, strict=True):
        row[: len(tracks)] = tracks
    return out


def _agent(name: str, seed: int, lists: Lists) -> Agent:
    streams, top = Streams(seed), np.array(lists.top, dtype=np.int32)
    if name == "oracle":
        return Oracle()
    if name not in PRESETS:
        return Anything(seed, len(lists.near))
    rows = lists.mine if PRESETS[name].setting == "list" else lists.near
    return Policy(name, streams, _padded(rows), top)


@pytest.fixture(scope="session")
def make_lists() -> Callable[..., Lists]:
    """make_lists(world, seed, longest=8): lists shorter than that, and as many popular tracks."""
    return _lists


@pytest.fixture(scope="session")
def make_agent() -> Callable[[str, int, Lists], Agent]:
    """make_agent(name, seed, lists): a policy, "oracle", or "anything"."""
    return _agent


class ByFormula:
    """A deterministic agent: the answer follows from user, last track and step alone."""

    name = "by_formula"

    sources = ("by_formula",)

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.ends: list[Turn] = []

    def begin(self, world: World, slots: int) -> None:
        self._n_tracks = len(world.catalog)
        self.slots = slots

    def recommend(self, turn: Turn) -> Answer:
        self.turns.append(turn)
        return Answer((turn.users * 7 + turn.tracks * 3 + turn.steps * 5 + 1) % self._n_tracks)

    def end(self, turn: Turn) -> None:
        self.ends.append(turn)


@pytest.fixture
def by_formula() -> type[ByFormula]:
    return ByFormula


def lines(rows: Any) -> str:
    """JSON Lines; rows that are str go in as they are."""
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


class WorldFiles:
    """The files of a small world, each of which a test may spoil, and their env.yml."""

    def __init__(self, root: Path, n_tracks: int = 40, n_users: int = 25) -> None:
        rng = np.random.default_rng(3)
        self.tracks, self.embeddings = root / "tracks.json", root / "tracks.npy"
        self.users, self.env = root / "users.json", root / "env.yml"
        self.tracks.write_text(
            lines(
                {"track": t, "artist": f"artist {t % 4}", "title": f"title {t}"}
                for t in range(n_tracks)
            )
        )
        np.save(self.embeddings, rng.normal(scale=2.0, size=(n_tracks, 6)).astype(np.float32))
        self.users.write_text(
            lines(
                {"user": u, "interests": rng.integers(0, n_tracks, 3).tolist()}
                for u in range(n_users)
            )
        )
        self.write_env()

    def write_env(self, **sections: dict[str, Any]) -> Path:
        """env.yml, with keys of its sections replaced or added."""
        values: dict[str, dict[str, Any]] = {
            "track_catalog_config": {
                "track_meta_path": str(self.tracks),
                "track_embeddings_path": str(self.embeddings),
            },
            "user_catalog_config": {
                "user_catalog_path": str(self.users),
                "default_consume_bias": 1.0,
            },
            "remote_recommender_config": {"host": "127.0.0.1", "port": 5001},
        }
        for name, changes in sections.items():
            values[name] = values.get(name, {}) | changes
        self.env.write_text(yaml.safe_dump(values))
        return self.env


@pytest.fixture
def world_files(tmp_path: Path) -> WorldFiles:
    """A world of 40 tracks and 25 users on disk."""
    return WorldFiles(tmp_path)


@pytest.fixture
def simulate(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """simulate("sim/run.py", ..., input=...): Python on these arguments, from the repo's root."""

    def run(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=REPO,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )

    return run
