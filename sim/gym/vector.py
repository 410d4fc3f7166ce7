"""Many listeners at once, on one engine."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sim.agent import Floats, Ints
from sim.errors import InputError
from sim.gym.base import Listening, refuse_options
from sim.world import Catalog, World

Observations: TypeAlias = dict[str, Ints]
Flags: TypeAlias = NDArray[np.bool_]


class ListeningVectorEnv(VectorEnv[Observations, Ints, NDArray[Any]]):
    """`num_envs` listeners, each as in ListeningEnv; arrays have shape (num_envs,).

    Sessions are handed out in the order in which places become free, the
    lowest place first: reset(seed=s) gives place i session i of the run of seed
    s, and reset() the next num_envs sessions. The step after a listener left
    brings the next one to the place: its action is ignored, its reward 0
    (AutoresetMode.NEXT_STEP).
    """

    # Gymnasium's own name and type.
    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["ansi"],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self, world: World | Path | str, num_envs: int = 1, render_mode: str | None = None
    ) -> None:
        self._listening = Listening(world, num_envs)
        self._all = np.arange(num_envs)
        self.num_envs = num_envs
        self.single_observation_space = self._listening.observation_space()
        self.single_action_space = self._listening.action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode

    @property
    def catalog(self) -> Catalog:
        """Titles and artists of the tracks."""
        return self._listening.catalog

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """New sessions in all places, whether or not those in flight were over.

        Without any seed ever given, one is drawn from `np_random`.
        """
        refuse_options(options)
        super().reset(seed=seed)
        self._listening.begin(seed, self.np_random)
        self._listening.start(self._all)
        return self._observations(), self._info()

    def step(self, actions: Ints) -> tuple[Observations, Floats, Flags, Flags, dict[str, Any]]:
        """Each listener plays a track; a new one comes where one had left."""
        sessions = self._listening.sessions
        left = sessions.budget <= 0
        live = np.flatnonzero(~left)
        sessions.listen(live, self._tracks(actions, live))
        if left.any():
            self._listening.start(np.flatnonzero(left))
        return (
            self._observations(),
            np.where(left, 0.0, sessions.time),
            sessions.budget <= 0,
            np.zeros(self.num_envs, dtype=np.bool_),
            self._info(),
        )

    def render(self) -> tuple[str, ...] | None:
        """The last plays as lines of text; None without a render mode."""
        return self._listening.lines(self.render_mode)

    def _tracks(self, actions: Ints, live: Ints) -> Ints:
        given = np.asarray(actions)
        if given.shape != (self.num_envs,) or given.dtype.kind not in "iu":
            raise InputError(
                f"actions of shape {given.shape} and type {given.dtype}: {self.num_envs} "
                f"integers are needed"
            )
        tracks = given[live].astype(np.int64)
        strange = (tracks < 0) | (tracks >= len(self.catalog))
        if strange.any():
            at = int(np.flatnonzero(strange)[0])
            raise InputError(
                f"action {tracks[at]} of environment {live[at]} is no track: tracks are 0 to "
                f"{len(self.catalog) - 1}"
            )
        return tracks

    def _observations(self) -> Observations:
        sessions = self._listening.sessions
        return {
            "user": sessions.user_row.astype(np.int64),
            "track": sessions.track.astype(np.int64),
        }

    def _info(self) -> dict[str, Any]:
        sessions = self._listening.sessions
        values = {"session": sessions.episode, "step": sessions.steps}
        info: dict[str, Any] = {}
        for name, array in values.items():
            # Beside each value stands whether it is there: Gymnasium's form.
            info[name], info[f"_{name}"] = array.copy(), np.ones(self.num_envs, dtype=np.bool_)
        return info
