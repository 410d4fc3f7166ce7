"""Days of a run: what changes in the world from one to the next, and what is done in between."""

import os
import subprocess
import sys

import click
import numpy as np

from sim.agent import Ints
from sim.config import DaysConfig
from sim.engine.sessions import Ended, user_rows
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.rng import LISTENER, Streams
from sim.world import World

# The draw of a session that decides where it starts has a second uniform, which decides this.
_LEAVE_DRAW = 1


class Days:
    """Splits `episodes` evenly over `days`, keeps fashions, and remembers who has left.

    Fashion: each day some tracks, drawn anew from (seed, day), are liked
    better by everybody. Leaving: a listener whose session was bad leaves for
    good at the end of that day, with some probability; their later sessions
    do not take place. Whether they do is drawn from the session's own stream.
    `today` and `total` sum up the sessions that ended.
    """

    def __init__(
        self, world: World, config: DaysConfig, *, seed: int, episodes: int, days: int
    ) -> None:
        self._world, self._seed = world, seed
        # A single day has neither fashions that change nor a morrow to stay away from.
        self._config = config if days > 1 else DaysConfig()
        self._streams = Streams(seed)
        self._bounds = [episodes * day // days for day in range(days + 1)]
        self._left = np.zeros(len(world.users), dtype=np.bool_)
        self._leaving = np.zeros(len(world.users), dtype=np.bool_)
        self.today = Summary()
        self.total = Summary()

    @property
    def n_left(self) -> int:
        """Listeners who left for good so far."""
        return int(self._left.sum())

    def world(self, day: int) -> World:
        """The world of the day (from 0)."""
        if not self._config.hyped_tracks:
            return self._world
        n_tracks = len(self._world.catalog)
        rng = np.random.default_rng([self._seed, day])
        hype = np.zeros(n_tracks)
        hyped = rng.choice(n_tracks, min(self._config.hyped_tracks, n_tracks), replace=False)
        hype[hyped] = self._config.hype
        return self._world.with_hype(hype)

    def episodes(self, day: int) -> range | Ints:
        """The sessions of the day that take place; `today` begins anew."""
        self.today = Summary()
        planned = range(self._bounds[day], self._bounds[day + 1])
        if not self._left.any():
            return planned
        every = np.asarray(planned, dtype=np.int64)
        return every[~self._left[user_rows(self._streams, len(self._left), every)]]

    def ended(self, ended: Ended) -> None:
        """Hear of sessions that ended today."""
        self.today = self.today.add(ended.rewards, ended.steps)
        self.total = self.total.add(ended.rewards, ended.steps)
        if self._config.leave_probability:
            bad = ended.rewards < self._config.leave_below
            _, uniform = self._streams.uniforms(LISTENER, ended.episodes[bad], _LEAVE_DRAW)
            self._leaving[ended.user_rows[bad][uniform < self._config.leave_probability]] = True

    def close(self) -> None:
        """The day is over."""
        self._left |= self._leaving


def go_on(day: int, command: str | None, yes: bool) -> bool:
    """What comes between day `day` (from 1) and the next: the command, or a person's answer.

    The command runs in a shell, with the day in BOTIFY_DAY. False where the
    person says no. Raises InputError where the command fails, and where there
    is nobody to ask.
    """
    if command is not None:
        environment = os.environ | {"BOTIFY_DAY": str(day)}
        if status := subprocess.run(command, shell=True, check=False, env=environment).returncode:
            raise InputError(
                f"--between-days: `{command}` ended with status {status} after day {day}"
            )
        return True
    if yes:
        return True
    try:
        return click.confirm(f"day {day} is over: go on?", default=True)
    except click.Abort:
        click.echo()
        if sys.stdin.isatty():
            raise KeyboardInterrupt from None
        raise InputError(
            f"day {day} is over and there is nobody to ask: --yes or --between-days goes on"
        ) from None
