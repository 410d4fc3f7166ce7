"""Scales the embeddings so that sessions have plausible lengths."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim.agent import Agent
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.engine.play import play
from sim.errors import InputError
from sim.rng import Streams
from sim.world.model import World

# Mean session times of a world in which recommenders differ clearly.
RANDOM_BAND = (1.1, 1.6)
ORACLE_FLOOR = 8.0


@dataclass(frozen=True)
class Calibration:
    """The scale of the embeddings, and the mean session times that it gives.

    Attributes
    ----------
    scale : float
        Root mean square norm of the interests' embeddings.
    random, oracle : float
        Mean session times in tracks, first play included.
    """

    scale: float
    random: float
    oracle: float

    @property
    def in_band(self) -> bool:
        """Whether session times are in the range in which recommenders differ clearly."""
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
    """Centre and scale the embeddings of a world so that the oracle reaches a target.

    The consume bias is a fixed number, so the scale of inner products decides
    how many tracks a listener enjoys. Embeddings are centred, so that two random
    tracks have no affinity on average (factors of play counts share a common
    direction: popularity), brought to a root mean square norm of 1 over the
    interests, and multiplied by the scale at which the mean session time under
    the oracle is `oracle_target`, found by bisection on the same sessions.

    Parameters
    ----------
    world : World
        As `generate` returns it, or of any other scale.
    seed : int
        Seed of the sessions that are played.
    oracle_target : float
        Mean session time under the oracle, in tracks, first play included.
    sessions : int
        Number of sessions per step of the search.
    progress : callable, optional
        Receives the number of sessions that just ended.

    Returns
    -------
    world : World
        The same world with other embeddings.
    calibration : Calibration
        What was found; small worlds may miss the range of `Calibration.in_band`.

    Raises
    ------
    InputError
        If no scale reaches the target.

    Examples
    --------
    >>> from sim import GeneratorOptions, calibrate, generate
    >>> raw, _ = generate(GeneratorOptions(n_users=50, n_tracks=400), seed=1)
    >>> world, calibration = calibrate(raw, seed=1, sessions=50)
    >>> calibration.random < calibration.oracle
    True
    """
    centred = world.embeddings - world.embeddings.mean(axis=0, dtype=np.float64)
    interests = centred[world.users.interests]
    size = np.sqrt((interests**2).sum(axis=1).mean())
    if size == 0:
        raise InputError("the embeddings of all interests are equal: there is nothing to scale")

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

    # A part of the users is enough for the search; the result is measured on all.
    rng = np.random.default_rng(seed)
    n = len(world.users)
    part = replace(world, users=world.users.rows(np.sort(rng.permutation(n)[:1_000])))
    # From below: far above the target a session has thousands of steps.
    low, high = 1.0, 1.0
    while mean_time(scaled(part, high), Oracle()) < oracle_target:
        low, high = high, high * 1.4
        if high > 1e4:
            raise InputError(
                "calibration failed: the oracle cannot reach its target session time at any scale "
                "of the embeddings; the interests may have no near neighbours"
            )
    while high / low > 1.02:
        middle = float(np.sqrt(low * high))
        if mean_time(scaled(part, middle), Oracle()) < oracle_target:
            low = middle
        else:
            high = middle
    chosen = scaled(world, high)
    found = Calibration(
        high,
        mean_time(chosen, Policy("random", Streams(seed)), 30 * sessions),
        mean_time(chosen, Oracle(), 3 * sessions),
    )
    return chosen, found
