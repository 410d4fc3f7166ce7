"""Sets the scale of taste space so that sessions have plausible lengths."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim.agent import Agent
from sim.agents.oracle import Oracle
from sim.agents.policies import Random
from sim.engine.play import play
from sim.errors import InputError
from sim.rng import Streams
from sim.world.model import World

# What a world must give for its sessions to tell recommenders apart.
RANDOM_BAND = (1.1, 1.6)
ORACLE_FLOOR = 8.0


@dataclass(frozen=True)
class Calibration:
    """The scale found, and the mean session times (first play included) that it gives."""

    scale: float
    random: float
    oracle: float

    @property
    def in_band(self) -> bool:
        """Whether sessions have lengths at which recommenders are told apart well."""
        low, high = RANDOM_BAND
        return low <= self.random <= high and self.oracle >= ORACLE_FLOOR


def calibrate(
    world: World,
    seed: int,
    *,
    oracle_target: float = 12.0,
    sessions: int = 600,
    progress: Callable[[int], object] = lambda finished: None,
) -> tuple[World, Calibration]:
    """The world with centred embeddings, scaled so that the oracle reaches its target.

    Consume bias is a fixed number, so the scale of inner products decides how
    many tracks a listener enjoys. Embeddings are centred, so that two random
    tracks have no affinity on average (factors of play counts share a common
    direction: popularity), brought to a root mean square norm of 1 over the
    interests, and multiplied by the scale at which the mean session time
    under the oracle is `oracle_target`, found by bisection on the same
    sessions. Small worlds may still miss the band: see `Calibration.in_band`.
    `progress` hears how many sessions just ended. Raises InputError where no
    scale reaches the target.
    """
    centred = world.embeddings - world.embeddings.mean(axis=0, dtype=np.float64)
    interests = centred[world.users.interests]
    size = np.sqrt((interests**2).sum(axis=1).mean())
    if size == 0:
        raise InputError("all embeddings of the interests are equal: there is no taste to scale")

    def scaled(world: World, scale: float) -> World:
        return replace(world, embeddings=(centred * (scale / size)).astype(np.float32))

    def mean_time(world: World, agent: Agent, n: int = sessions) -> float:
        summary = play(
            world,
            agent,
            seed=seed,
            episodes=range(n),
            progress=lambda ended: progress(len(ended.episodes)),
        )
        return summary.mean_session_time

    # Some of the people are enough to search with; the result is measured on all.
    rng = np.random.default_rng(seed)
    n = len(world.users)
    some = replace(world, users=world.users.rows(np.sort(rng.permutation(n)[:1_000])))
    # From below: far above the target a session has thousands of steps.
    low, high = 1.0, 1.0
    while mean_time(scaled(some, high), Oracle()) < oracle_target:
        low, high = high, high * 1.4
        if high > 1e4:
            raise InputError("no scale lets the oracle reach its target: are all tastes alone?")
    while high / low > 1.02:
        middle = float(np.sqrt(low * high))
        if mean_time(scaled(some, middle), Oracle()) < oracle_target:
            low = middle
        else:
            high = middle
    chosen = scaled(world, high)
    found = Calibration(
        high,
        mean_time(chosen, Random(Streams(seed)), 30 * sessions),
        mean_time(chosen, Oracle(), 3 * sessions),
    )
    return chosen, found
