"""Who plays the sessions of a day: the engine against an agent in process, or a service."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sim.agent import Agent, Ints
from sim.agents import registry
from sim.agents.console import Quit
from sim.engine.parallel import BLOCK, Played, play_blocks
from sim.engine.play import BATCH
from sim.engine.sessions import Ended
from sim.errors import InputError
from sim.logs.clock import Clock
from sim.logs.json_log import JsonLog, Log
from sim.logs.origin import Origin
from sim.logs.parquet_log import ParquetLog
from sim.remote import INTERRUPTED, DriveError, ServiceOptions
from sim.remote.parallel_driver import drive_parallel
from sim.rng import Streams
from sim.signals import held
from sim.world import World

# 2026-01-01 00:00 UTC: simulated time is fixed, so that a seed gives one log.
_CLOCK_START_MS = 1_767_225_600_000

Progress = Callable[[Ended], object]


@dataclass
class Outcome:
    """What went wrong, if anything; `stopped` says why not all sessions were played.

    `failed`, `unclosed` and `retries` are those of `sim.remote.Driven`.
    """

    failed: int = 0
    unclosed: int = 0
    retries: int = 0
    stopped: str | None = None

    @property
    def interrupted(self) -> bool:
        return self.stopped == INTERRUPTED

    def __iadd__(self, other: "Outcome") -> "Outcome":
        self.failed += other.failed
        self.unclosed += other.unclosed
        self.retries += other.retries
        self.stopped = self.stopped or other.stopped
        return self

    def notes(self) -> str:
        """Lines for a person, none where all went well."""
        notes = [
            (self.failed, "sessions cut short by a failed request, not counted above"),
            (self.unclosed, "sessions counted above whose end could not be told"),
            (self.retries, "requests sent again"),
        ]
        return "".join(f"\n  {what}: {number:,}" for number, what in notes if number)


class Player(Protocol):
    """Plays the sessions of one day after another."""

    def play(self, world: World, episodes: range | Ints, day: int, progress: Progress) -> Outcome:
        """Play the episodes of the day (from 0); `progress` hears of those that ended."""


class Remote:
    """The service answers."""

    def __init__(self, service: ServiceOptions, seed: int, processes: int) -> None:
        self._service, self._seed, self._processes = service, seed, processes

    def play(self, world: World, episodes: range | Ints, day: int, progress: Progress) -> Outcome:
        try:
            driven = drive_parallel(
                world,
                self._service,
                seed=self._seed,
                episodes=episodes,
                processes=self._processes,
                progress=progress,
            )
        except DriveError as error:
            driven = error.driven
        return Outcome(driven.failed, driven.unclosed, driven.retries, driven.stopped)


class Logs:
    """The log of a run: a file for all of it, or one for each of several days."""

    def __init__(
        self,
        directory: Path,
        file_format: str,
        user_ids: Ints,
        episodes: int,
        days: int,
        span: float,
        origin: Origin,
    ) -> None:
        """`span`: how many days of simulated time the episodes are spread over."""
        self._directory, self._days, self._origin = directory, days, origin
        self._kind = ParquetLog if file_format == "parquet" else JsonLog
        self._clock = Clock(_CLOCK_START_MS, span, episodes, user_ids)

    def of(self, day: int, agent: Agent) -> Log:
        """The log of the day (from 0), in which the agent answers."""
        number = day + 1 if self._days > 1 else None
        return self._kind(self._directory, agent.sources, self._clock, number, origin=self._origin)


class InProcess:
    """An agent answers, made anew each day: the lists it reads may have changed."""

    def __init__(
        self,
        name: str,
        lists: Path | None,
        seed: int,
        processes: int,
        at_once: int | None,
        logs: Logs | None,
    ) -> None:
        """`at_once`: how many sessions are in flight; None: as many as suits."""
        self._name, self._lists, self._seed = name, lists, seed
        self._processes, self._batch, self._logs = processes, at_once or BATCH, logs
        # A person may leave after any session, and what was played until then counts.
        self._block = 1 if name == "console" else BLOCK

    def play(self, world: World, episodes: range | Ints, day: int, progress: Progress) -> Outcome:
        agent = registry.create(self._name, world, Streams(self._seed), self._lists)
        outcome = Outcome()
        log = self._logs.of(day, agent) if self._logs else None
        with log or nullcontext():
            try:
                for played in self._blocks(world, agent, episodes, outcome, log is not None):
                    with held():  # what is in the log is what was counted
                        if log is not None and played.events is not None:
                            log.write(played.events)
                        progress(played.ended)
            except KeyboardInterrupt:
                outcome.stopped = INTERRUPTED
        return outcome

    def _blocks(
        self,
        world: World,
        agent: Agent,
        episodes: range | Ints,
        outcome: Outcome,
        record: bool,
    ) -> Iterator[Played]:
        """Whole sessions, until all are played or `outcome` says why not."""
        try:
            yield from play_blocks(
                world,
                agent,
                seed=self._seed,
                episodes=episodes,
                processes=self._processes,
                batch=self._batch,
                block=self._block,
                record=record,
            )
        except Quit:
            outcome.stopped = INTERRUPTED
        except InputError as error:
            outcome.stopped = str(error)
