"""What both environments share: a world, its spaces, and sessions handed out in order."""

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from sim.arrays import Ints
from sim.config import load_config
from sim.engine.sessions import Sessions
from sim.errors import InputError
from sim.rng import Streams
from sim.world import Catalog, World
from sim.world.files import open_world


class SessionSource:
    """The sessions of one seed in order of their episodes, `slots` at a time.

    `world` is a World or the path of an env.yml. Raises InputError for a
    world that cannot be read and for fewer than one slot.
    """

    def __init__(self, world: World | Path | str, slots: int) -> None:
        if slots < 1:
            raise InputError(f"num_envs {slots}: at least one is needed")
        self._world = world if isinstance(world, World) else open_world(load_config(Path(world)))
        self._slots = slots
        self._sessions: Sessions | None = None
        self._next_episode = 0

    @property
    def catalog(self) -> Catalog:
        return self._world.catalog

    @property
    def n_users(self) -> int:
        return len(self._world.users)

    def observation_space(self) -> spaces.Space[Any]:
        return spaces.Dict(
            {"user": spaces.Discrete(self.n_users), "track": spaces.Discrete(len(self.catalog))}
        )

    def action_space(self) -> spaces.Discrete:
        return spaces.Discrete(len(self.catalog))

    @property
    def sessions(self) -> Sessions:
        if self._sessions is None:
            raise ResetNeeded("no session has started: call reset() first")
        return self._sessions

    def begin(self, seed: int | None, np_random: np.random.Generator) -> None:
        """Start the run of `seed` at episode 0; without a seed, continue the current run.

        A first run without a seed draws one from `np_random`.
        """
        if seed is None and self._sessions is not None:
            return
        drawn = int(np_random.integers(2**63)) if seed is None else seed
        self._sessions = Sessions(self._world, self._slots, Streams(drawn))
        self._next_episode = 0

    def start(self, slots: Ints) -> None:
        """Start the next episodes, in order, one in each of the slots."""
        next_episode = self._next_episode + len(slots)
        self.sessions.start(slots, np.arange(self._next_episode, next_episode))
        self._next_episode = next_episode

    def lines(self, render_mode: str | None) -> tuple[str, ...] | None:
        """The last play of each slot as text; None without a render mode.

        Raises InputError for a mode other than "ansi", but not before: libraries
        try "rgb_array" on every environment.
        """
        if render_mode is None:
            return None
        if render_mode != "ansi":
            raise InputError(f'render_mode {render_mode!r}: only "ansi" is supported')
        sessions, catalog = self.sessions, self.catalog
        plays = zip(
            sessions.episode.tolist(),
            sessions.steps.tolist(),
            sessions.user_row.tolist(),
            sessions.time.tolist(),
            sessions.track.tolist(),
            strict=True,
        )
        return tuple(
            f"session {session} step {step}: user {user} heard {time:.0%} of track {track}, "
            f"{catalog.artist(track)} – {catalog.titles[track]}"
            for session, step, user, time, track in plays
        )


def refuse_options(options: dict[str, Any] | None) -> None:
    """Raise InputError for options: reset() has none, and ignoring one would hide a mistake."""
    if options:
        raise InputError(f"reset(options=...): unknown {', '.join(map(str, options))}")
