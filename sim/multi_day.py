"""A run over several days: drift and churn between them, and what happens in between."""

import os
import subprocess
import sys

import click
import numpy as np

from sim.arrays import Ints
from sim.config import DaysConfig
from sim.engine.sessions import EndedSessions, user_rows
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.rng import LISTENER, Streams
from sim.world import World

# The draw of a session that decides where it starts has a second uniform, which decides this.
_LEAVE_DRAW = 1


class MultiDayRun:
    """Splits `episodes` evenly over `days`, applies drift, and remembers who has left.

    Drift: each day some tracks, drawn anew from (seed, day), are liked better
    by everybody. Churn: a listener whose session was bad leaves for good at the
    end of that day, with some probability; later sessions of that listener are
    skipped. Whether a listener leaves is drawn from the session's own stream.
    `today` and `total` sum up the sessions that ended.
    """

    def __init__(
        self, world: World, config: DaysConfig, *, seed: int, episodes: int, days: int
    ) -> None:
        self._world, self._seed = world, seed
        self.n_days = days
        # A single day has no drift, and no next day to stay away from.
        self._config = config if days > 1 else DaysConfig()
        self._streams = Streams(seed)
        self._bounds = [episodes * day // days for day in range(days + 1)]
        self._left = np.zeros(len(world.users), dtype=np.bool_)
        self._leaving = np.zeros(len(world.users), dtype=np.bool_)
        self.today = Summary()
        self.total = Summary()

    @property
    def n_left(self) -> int:
        """Number of listeners who have left for good so far."""
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

    def start_day(self, day: int) -> range | Ints:
        """The sessions of the day, without those of listeners who have left; resets `today`."""
        self.today = Summary()
        scheduled = range(self._bounds[day], self._bounds[day + 1])
        if not self._left.any():
            return scheduled
        episodes = np.asarray(scheduled, dtype=np.int64)
        return episodes[~self._left[user_rows(self._streams, len(self._left), episodes)]]

    def add(self, ended: EndedSessions) -> None:
        """Count sessions that ended today."""
        self.today = self.today.add(ended.rewards, ended.steps)
        self.total = self.total.add(ended.rewards, ended.steps)
        if self._config.leave_probability:
            bad = ended.rewards < self._config.leave_below
            _, uniform = self._streams.uniforms(LISTENER, ended.episodes[bad], _LEAVE_DRAW)
            self._leaving[ended.user_rows[bad][uniform < self._config.leave_probability]] = True

    def end_day(self) -> None:
        """Listeners who decided to leave today are gone from the next day on."""
        self._left |= self._leaving


def between_days(day: int, command: str | None, yes: bool) -> bool:
    """Do what comes after day `day` (from 1): run the command, or ask whether to continue.

    The command runs in a shell, with the day in BOTIFY_DAY. Returns False if
    the answer is no. Raises InputError if the command fails, or if stdin
    has no answer.
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
        return click.confirm(f"Day {day} is over. Continue?", default=True)
    except click.Abort:
        click.echo()
        if sys.stdin.isatty():
            raise KeyboardInterrupt from None
        raise InputError(
            f"day {day} is over and stdin has no answer: continue with --yes or --between-days"
        ) from None
