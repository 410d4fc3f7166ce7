"""How much the session model and each of its parts gain: `python -m bench.lists.session_model`.

The model that the service serves is asked in process and played to the listeners of the ladder,
with some of it left out. Needs the results of `make experiment` under --data.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from botify.session_model.scoring import SessionModel
from botify.session_model.tables import Floats, Tables
from offline.data.training_set import TrainingSet, rows_of
from offline.models.dae.recommender import DAERecommender
from offline.models.registry import load_model
from sim.agent import Answer, Turn
from sim.agents.registry import create_agent
from sim.config import load_config
from sim.ladder.command import measure
from sim.ladder.stats import UserSums, compare
from sim.rng import Streams
from sim.world import World
from sim.world.files import open_world

_CANDIDATES = 500


class Hearing:
    """The model as an agent, one session at a time; any track if it has no answer."""

    name = "dae_session"
    sources = ("dae_session",)

    def __init__(self, model: SessionModel, n_tracks: int, seed: int) -> None:
        self._model, self._n_tracks = model, n_tracks
        self._rng = np.random.default_rng(seed)

    def begin(self, world: World, slots: int) -> None:
        self._times = np.zeros((slots, 64), np.float32)

    def recommend(self, turn: Turn) -> Answer:
        while turn.steps.max() >= self._times.shape[1]:
            self._times = np.hstack([self._times, np.zeros_like(self._times)])
        self._times[turn.slots, turn.steps] = turn.times
        tracks = np.empty(len(turn.slots), np.int64)
        for i, (slot, user) in enumerate(
            zip(turn.slots.tolist(), turn.users.tolist(), strict=True)
        ):
            played = turn.played(i).astype(np.int32)
            times = self._times[slot, : len(played)]
            choice = self._model.choose(user, played, times, played, 0, None, (0.0, 0.0))
            tracks[i] = choice.track if choice else self._rng.integers(self._n_tracks)
        return Answer(tracks)

    def end(self, turn: Turn) -> None:
        pass


class Limited(SessionModel):
    """Chooses among the user's best tracks of the plain autoencoder, and the session's best."""

    def __init__(
        self,
        tables: Tables,
        artists: NDArray[np.int32],
        best_of: Callable[[int], NDArray[np.int64]],
        nearest: int,
    ) -> None:
        super().__init__(tables, artists, "")
        self._best_of, self._nearest = best_of, nearest

    def scores(self, user: int, tracks: NDArray[np.int32], times: Floats) -> Floats | None:
        found = super().scores(user, tracks, times)
        if found is None:
            return None
        allowed = self._best_of(user)
        if self._nearest:
            near = found.argpartition(-self._nearest)[-self._nearest :]
            allowed = np.concatenate([allowed, near])
        limited = np.full_like(found, -np.inf)
        limited[allowed] = found[allowed]
        return limited


def best_of(data: Path) -> Callable[[int], NDArray[np.int64]]:
    """The places of a user's best tracks by the plain autoencoder, for the whole history."""
    model = load_model(data / "model")
    assert isinstance(model, DAERecommender)
    dae = model.network
    training_set = TrainingSet.open(data / "interactions", dae.n_tracks)
    known: dict[int, NDArray[np.int64]] = {}

    @torch.no_grad()
    def best(user: int) -> NDArray[np.int64]:
        if user not in known:
            row = rows_of(training_set.users, np.array([user]))
            if row[0] < 0:
                known[user] = np.empty(0, np.int64)
            else:
                logits = dae(dae.ragged(training_set.histories.take(row)))[0]
                count = min(_CANDIDATES, len(logits))
                known[user] = logits.topk(count).indices.numpy()
        return known[user]

    return best


def _nobody(user: int) -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@click.command()
@click.option("--data", type=Path, default=Path("out/experiment"), show_default=True)
@click.option("--episodes", default=5_000, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(data: Path, episodes: int, seed: int) -> None:
    """Print session time and the normalised score of each variant, as Markdown."""
    world, streams = open_world(load_config(data / "world/env.yml")), Streams(seed)
    artists = world.catalog.artist_of.astype(np.int32)
    whole = Tables.read(data / "lists/sessions.safetensors", len(world.catalog))
    both = whole.dae_weight + whole.listening_weight
    mine = best_of(data)
    changed: dict[str, dict[str, Any]] = {
        "both, as served": {},
        "history only": {"use_session": False},
        "session only": {"use_history": False},
        "both, artists not looked at": {"artist_discount": 1.0},
        "both, skips say nothing": {"skip_weight": 0.0},
        "the autoencoder's score alone": {"dae_weight": both, "listening_weight": 0.0},
        "the listening score alone": {"dae_weight": 0.0, "listening_weight": both},
    }
    limited = {
        f"among the user's best {_CANDIDATES} of the plain DAE": (mine, 0),
        f"among these and the session's nearest {_CANDIDATES}": (mine, _CANDIDATES),
        **{f"among the session's nearest {n}": (_nobody, n) for n in (50, 100, 200)},
    }
    variants = {
        name: SessionModel(replace(whole, **changes), artists, "")
        for name, changes in changed.items()
    } | {name: Limited(whole, artists, *by) for name, by in limited.items()}
    sums: dict[str, UserSums] = {}

    def play(name: str, agent: object) -> None:
        click.echo(name, err=True)
        sums[name] = measure(world, agent, seed, range(episodes))  # type: ignore[arg-type]

    for name in ("random", "policy:contextual", "policy:dae"):
        play(name, create_agent(name, world, streams, data / "lists"))
    for name, model in variants.items():
        play(name, Hearing(model, len(world.catalog), seed))
    play("oracle", create_agent("oracle", world, streams, None))
    click.echo(f"| {episodes:,} sessions | session time | normalised score | to Contextual |")
    click.echo("|---|---:|---:|---:|")
    results = compare(sums, "random", "oracle")
    contextual = next(
        r for r in results if r.recommender == "policy:contextual"
    ).session_time.value
    for result in results:
        score = result.normalised_score
        shown = score.score() if score and math.isfinite(score.value) else "–"
        ahead = f"{100 * (result.session_time.value / contextual - 1):+.0f} %"
        click.echo(f"| {result.recommender} | {result.session_time.text(3)} | {shown} | {ahead} |")


if __name__ == "__main__":
    main()
