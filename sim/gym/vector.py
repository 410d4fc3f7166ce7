"""Many listeners at once, in one engine."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sim.arrays import Floats, Ints
from sim.errors import InputError
from sim.gym.base import SessionSource, refuse_options
from sim.world import Catalog, World

Observations: TypeAlias = dict[str, Ints]
Flags: TypeAlias = NDArray[np.bool_]


class ListeningVectorEnv(VectorEnv[Observations, Ints, NDArray[Any]]):
    """`num_envs` listeners, each as in ListeningEnv; arrays have shape (num_envs,).

    Sessions are handed out in the order in which places become free, the lowest
    place first: reset(seed=s) gives place i session i of the run of seed s, and
    reset() the next num_envs sessions. The step after a listener left starts the
    next session in that place: its action is ignored, its reward is 0
    (AutoresetMode.NEXT_STEP).
    """

    # Name and type are Gymnasium's.
    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["ansi"],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self, world: World | Path | str, num_envs: int = 1, render_mode: str | None = None
    ) -> None:
        self._source = SessionSource(world, num_envs)
        self._all = np.arange(num_envs)
        self.num_envs = num_envs
        self.single_observation_space = self._source.observation_space()
        self.single_action_space = self._source.action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode

    @property
    def catalog(self) -> Catalog:
        """Titles and artists of the tracks."""
        return self._source.catalog

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start new sessions in all places, whether or not those in flight were over.

        If no seed was ever given, one is drawn from `np_random`.
        """
        refuse_options(options)
        super().reset(seed=seed)
        self._source.begin(seed, self.np_random)
        self._source.start(self._all)
        return self._observations(), self._info()

    def step(self, actions: Ints) -> tuple[Observations, Floats, Flags, Flags, dict[str, Any]]:
        """Each listener plays a track; a place whose listener had left gets the next one."""
        sessions = self._source.sessions
        left = sessions.budget <= 0
        live = np.flatnonzero(~left)
        sessions.listen(live, self._tracks(actions, live))
        if left.any():
            self._source.start(np.flatnonzero(left))
        return (
            self._observations(),
            np.where(left, 0.0, sessions.time),
            sessions.budget <= 0,
            np.zeros(self.num_envs, dtype=np.bool_),
            self._info(),
        )

    def render(self) -> tuple[str, ...] | None:
        """The last plays as lines of text; None without a render mode."""
        return self._source.lines(self.render_mode)

    def _tracks(self, actions: Ints, live: Ints) -> Ints:
        array = np.asarray(actions)
        if array.shape != (self.num_envs,) or array.dtype.kind not in "iu":
            raise InputError(
                f"actions of shape {array.shape} and type {array.dtype}: {self.num_envs} "
                f"integers are needed"
            )
        tracks = array[live].astype(np.int64)
        unknown = (tracks < 0) | (tracks >= len(self.catalog))
        if unknown.any():
            at = int(np.flatnonzero(unknown)[0])
            raise InputError(
                f"action {tracks[at]} of environment {live[at]} is no track: tracks are 0 to "
                f"{len(self.catalog) - 1}"
            )
        return tracks

    def _observations(self) -> Observations:
        sessions = self._source.sessions
        return {
            "user": sessions.user_row.astype(np.int64),
            "track": sessions.track.astype(np.int64),
        }

    def _info(self) -> dict[str, Any]:
        sessions = self._source.sessions
        values = {"session": sessions.episode, "step": sessions.steps}
        info: dict[str, Any] = {}
        for name, array in values.items():
            # Gymnasium's form: each value comes with an array that tells where it is set.
            info[name], info[f"_{name}"] = array.copy(), np.ones(self.num_envs, dtype=np.bool_)
        return info
