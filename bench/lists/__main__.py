"""Where a user's one list falls short: `python -m bench.lists --data out/experiment`.

A list is made for a user, but each session follows only one of the user's tastes. Lists made in
several ways are played to the same listeners. The listeners' true tastes show how much of a list
fits a session, and the log shows which places are reached; lists made from the true tastes show
how good a list can be.
"""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from bench.common.tables import table
from bench.lists.played import PLACES, Heard, Knowing, play_lists
from bench.lists.truth import Truth
from offline.data.catalog import artists_of
from offline.data.session_stats import SessionStats
from offline.data.training_set import TrainingSet
from offline.lists.by_score import by_score
from offline.lists.by_session import by_session
from offline.lists.maker import ListMaker
from offline.models.registry import load_model
from sim.agents.lists import read_top_tracks
from sim.agents.policies import Policy
from sim.agents.registry import create_agent
from sim.config import load_config
from sim.ladder.command import measure
from sim.ladder.stats import compare
from sim.rng import Streams
from sim.world import World
from sim.world.files import open_world

LENGTH = 50
_CANDIDATES = 150
SCORE, MIXED, UNSPREAD = (
    "by score",
    "for sessions, tastes mixed",
    "for sessions, artists not spread",
)
SESSIONS = "for sessions, as exported"
REORDERED, STATIC = "best 150 of these, by true shares", "true shares"
STATIC_LONG = "true shares, 200 long"
KNOWN, LONG = "true shares of each taste", "true shares of each taste, 200 long"


@click.command()
@click.option("--data", type=Path, default=Path("out/experiment"), show_default=True)
@click.option("--episodes", default=20_000, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(data: Path, episodes: int, seed: int) -> None:
    """Three tables: the lists side by side, their places, and first tastes against the others."""
    world, streams = open_world(load_config(data / "world/env.yml")), Streams(seed)
    top = read_top_tracks(data / "lists/top_tracks.json", world)
    truth = Truth(world)
    learned = Learned(data, world)
    stats = learned.stats
    lists = {
        SCORE: learned.by_score(),
        MIXED: learned.by_session(replace(stats, patience=1e9)),
        UNSPREAD: learned.by_session(replace(stats, artist_discount=1.0)),
        SESSIONS: learned.by_session(stats),
        REORDERED: truth.lists(LENGTH, among=learned.by_session(stats, _CANDIDATES)),
        STATIC: truth.lists(LENGTH),
    }
    heard = {
        name: play_lists(world, truth, streams, seed, episodes, tracks, top)
        for name, tracks in lists.items()
    }
    sums = {name: found.sums for name, found in heard.items()}
    endless = Policy("indexed", streams, truth.lists(4 * LENGTH), top)
    sums[STATIC_LONG] = measure(world, endless, seed, range(episodes))
    for name, length in ((KNOWN, LENGTH), (LONG, 4 * LENGTH)):
        knowing = Knowing(streams, truth, length, top)
        sums[name] = measure(world, knowing, seed, range(episodes))
    for end in ("random", "oracle"):
        sums[end] = measure(world, create_agent(end, world, streams, None), seed, range(episodes))

    results = compare(sums, "random", "oracle")
    click.echo(
        f"{len(world.users):,} users, {len(world.catalog):,} tracks; {episodes:,} sessions each, "
        f"seed {seed}\n"
    )
    table(
        (
            "list",
            "session time",
            "normalised score",
            "fits the session",
            "fits some taste",
            "outlive it",
        ),
        [
            (
                result.recommender,
                result.session_time.text(2),
                result.normalised_score.score() if result.normalised_score else "",
                *(
                    heard[result.recommender].summary()
                    if result.recommender in heard
                    else [""] * 3
                ),
            )
            for result in results
        ],
    )
    chosen = {name: heard[name] for name in (SCORE, SESSIONS, STATIC)}
    places_table(chosen)
    tastes_table(chosen)


def places_table(heard: dict[str, Heard]) -> None:
    """For each range of places: sessions that reach it, and the share heard there."""
    columns = [f"{name}: {what}" for name in heard for what in ("reached", "heard", "fits")]
    rows = [
        [f"{at.start + 1} to {at.stop}", *(x for found in heard.values() for x in found.at(at))]
        for at in PLACES
    ]
    table(("places", *columns), rows)


def tastes_table(heard: dict[str, Heard]) -> None:
    """Sessions of the taste that their list begins with, against those of other tastes."""
    table(
        ("list", "sessions of its first taste", "their time", "time of the others"),
        [(name, *found.by_taste()) for name, found in heard.items()],
    )


class Learned:
    """The model that `make experiment` or `make demo` left, and statistics of its log."""

    def __init__(self, data: Path, world: World) -> None:
        self._model = load_model(data / "model")
        n_tracks = len(self._model.popularity)
        self._training_set = TrainingSet.open(data / "interactions", n_tracks)
        self._artists = artists_of(data / "world/tracks.json", n_tracks)
        self.stats = SessionStats.read(
            data / "interactions", self._training_set.users, self._artists
        )
        self._rows = np.searchsorted(world.users.ids, self._training_set.users)
        self._users = len(world.users)

    def by_score(self) -> NDArray[np.int32]:
        """Lists, one row per user of the world; all -1 for a user without likes."""
        return self._made(by_score(self._model, LENGTH), LENGTH)

    def by_session(self, stats: SessionStats, length: int = LENGTH) -> NDArray[np.int32]:
        """The same for sessions with these statistics."""
        histories = self._training_set.histories
        return self._made(by_session(self._model, histories, stats, self._artists, length), length)

    def _made(self, lists: ListMaker, length: int) -> NDArray[np.int32]:
        out = np.full((self._users, length), -1, dtype=np.int32)
        able = np.flatnonzero(self._training_set.histories.sizes)
        out[self._rows[able]] = lists.of(able).ids
        return out


if __name__ == "__main__":
    main()
