"""One listener at a time."""

from pathlib import Path
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from sim.errors import InputError
from sim.gym.base import SessionSource, refuse_options
from sim.world import Catalog, World

Observation: TypeAlias = dict[str, np.int64]

_SLOT = np.zeros(1, dtype=np.int64)


class ListeningEnv(gymnasium.Env[Observation, np.int64]):
    """A listener asks for one track after another until the session's budget is used up.

    observation
        {"user": row of users.json, "track": the track they just played}
    action
        the track to play next
    reward
        the share of it that they heard, 0 to 1 in steps of 0.01
    terminated
        they left; `truncated` is always False
    info
        {"session": number of the session within the run of this seed,
        "step": answers so far in it}

    `world` is a World or the path of an env.yml. reset(seed=s) begins the run
    of seed s, each further reset() its next session: session e is the e-th, from
    0, of `botify-sim run --seed s`. render_mode "ansi" gives the last play as a
    line of text. Raises InputError for a world that cannot be read and for an
    action that is no track.
    """

    # Name and type are Gymnasium's; its checks want a rate even for text.
    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, world: World | Path | str, render_mode: str | None = None) -> None:
        self._source = SessionSource(world, 1)
        self.observation_space = self._source.observation_space()
        self.action_space = self._source.action_space()
        self.render_mode = render_mode

    @property
    def catalog(self) -> Catalog:
        """Titles and artists of the tracks."""
        return self._source.catalog

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """The listener of the next session and its first track, which was heard in full.

        If no seed was ever given, one is drawn from `np_random`.
        """
        refuse_options(options)
        super().reset(seed=seed)
        self._source.begin(seed, self.np_random)
        self._source.start(_SLOT)
        return self._observation(), self._info()

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """The listener plays a track; raises ResetNeeded once they have left."""
        sessions = self._source.sessions
        if sessions.budget[0] <= 0:
            raise ResetNeeded("this listener has left: call reset() for the next session")
        if not self.action_space.contains(action):
            raise InputError(
                f"action {action!r} is no track: tracks are the integers 0 to "
                f"{len(self.catalog) - 1}"
            )
        sessions.listen(_SLOT, np.full(1, action, dtype=np.int64))
        left = bool(sessions.budget[0] <= 0)
        return self._observation(), float(sessions.time[0]), left, False, self._info()

    def render(self) -> str | None:
        """The last play as a line of text; None without a render mode."""
        lines = self._source.lines(self.render_mode)
        return lines[0] if lines else None

    def _observation(self) -> Observation:
        sessions = self._source.sessions
        return {"user": np.int64(sessions.user_row[0]), "track": np.int64(sessions.track[0])}

    def _info(self) -> dict[str, Any]:
        sessions = self._source.sessions
        return {"session": int(sessions.episode[0]), "step": int(sessions.steps[0])}
