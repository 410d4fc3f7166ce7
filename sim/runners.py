"""Runs the sessions of a day: against an agent in process, or against a service."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sim.agent import Agent
from sim.agents import registry
from sim.agents.console import Quit
from sim.agents.service_chains import ServiceChains
from sim.arrays import Ints
from sim.config import SimConfig
from sim.engine.parallel import BLOCK, PlayedBlock, play_blocks
from sim.engine.play import BATCH
from sim.engine.sessions import EndedSessions
from sim.errors import InputError
from sim.logs.clock import Clock
from sim.logs.json_log import JsonLog
from sim.logs.log import Log
from sim.logs.origin import Origin, origin_of
from sim.logs.parquet_log import ParquetLog
from sim.remote import INTERRUPTED, DriveError, ServiceOptions
from sim.remote.parallel_driver import drive_parallel
from sim.rng import Streams
from sim.run_options import RunOptions
from sim.signals import defer_interrupts
from sim.world import World

# 2026-01-01 00:00 UTC: simulated time is fixed, so that a seed gives one log.
_CLOCK_START_MS = 1_767_225_600_000

Progress = Callable[[EndedSessions], object]


@dataclass
class RunOutcome:
    """What went wrong, if anything; `stopped` says why not all sessions were played.

    `failed`, `unclosed` and `retries` are those of `sim.remote.DriveResult`.
    """

    failed: int = 0
    unclosed: int = 0
    retries: int = 0
    stopped: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C, SIGTERM or the person in the console stopped it."""
        return self.stopped == INTERRUPTED

    def __iadd__(self, other: "RunOutcome") -> "RunOutcome":
        self.failed += other.failed
        self.unclosed += other.unclosed
        self.retries += other.retries
        self.stopped = self.stopped or other.stopped
        return self

    def notes(self) -> str:
        """Lines to print after the result; empty if all went well."""
        notes = [
            (self.failed, "sessions cut short by a failed request, not counted above"),
            (self.unclosed, "sessions counted above whose end could not be reported"),
            (self.retries, "requests sent again"),
        ]
        return "".join(f"\n  {what}: {number:,}" for number, what in notes if number)


class Runner(Protocol):
    """Plays the sessions of one day after another."""

    def play(
        self, world: World, episodes: range | Ints, day: int, progress: Progress
    ) -> RunOutcome:
        """Play the episodes of the day (from 0); `progress` receives those that ended."""


class RemoteRunner:
    """Plays against a service."""

    def __init__(self, service: ServiceOptions, seed: int, processes: int) -> None:
        self._service, self._seed, self._processes = service, seed, processes

    def play(
        self, world: World, episodes: range | Ints, day: int, progress: Progress
    ) -> RunOutcome:
        try:
            result = drive_parallel(
                world,
                self._service,
                seed=self._seed,
                episodes=episodes,
                processes=self._processes,
                progress=progress,
            )
        except DriveError as error:
            result = error.result
        return RunOutcome(result.failed, result.unclosed, result.retries, result.stopped)


class RunLogs:
    """The log of a run: one file for all of it, or one for each of several days."""

    def __init__(
        self,
        directory: Path,
        file_format: str,
        user_ids: Ints,
        *,
        episodes: int,
        days: int,
        log_days: int,
        origin: Origin,
    ) -> None:
        """`log_days`: how many days of simulated time the episodes are spread over."""
        self._directory, self._days, self._origin = directory, days, origin
        self._log = ParquetLog if file_format == "parquet" else JsonLog
        self._clock = Clock(_CLOCK_START_MS, log_days, episodes, user_ids)

    def open(self, day: int, agent: Agent) -> Log:
        """The log of the day (from 0), in which the agent answers."""
        number = day + 1 if self._days > 1 else None
        return self._log(self._directory, agent.sources, self._clock, number, origin=self._origin)


class InProcessRunner:
    """Plays against an agent that is made anew each day: the lists it reads may have changed."""

    def __init__(
        self,
        name: str,
        lists: Path | None,
        seed: int,
        processes: int,
        in_flight: int | None,
        logs: RunLogs | None,
        chains: ServiceChains | None = None,
    ) -> None:
        """`in_flight`: how many sessions to play at once; None: as many as suits the engine."""
        self._name, self._lists, self._seed = name, lists, seed
        self._processes, self._batch, self._logs = processes, in_flight or BATCH, logs
        self._chains = chains
        # A person may leave after any session, and what was played until then counts.
        self._block = 1 if name == "console" else BLOCK

    def play(
        self, world: World, episodes: range | Ints, day: int, progress: Progress
    ) -> RunOutcome:
        streams = Streams(self._seed)
        agent = registry.create_agent(self._name, world, streams, self._lists, self._chains)
        outcome = RunOutcome()
        log = self._logs.open(day, agent) if self._logs else None
        with log or nullcontext():
            try:
                for block in self._blocks(world, agent, episodes, outcome, log is not None):
                    with defer_interrupts():  # the log has exactly what was counted
                        if log is not None and block.events is not None:
                            log.write(block.events)
                        progress(block.ended)
            except KeyboardInterrupt:
                outcome.stopped = INTERRUPTED
        return outcome

    def _blocks(
        self,
        world: World,
        agent: Agent,
        episodes: range | Ints,
        outcome: RunOutcome,
        record: bool,
    ) -> Iterator[PlayedBlock]:
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


def make_runner(options: RunOptions, config: SimConfig, world: World) -> Runner:
    """The runner that the options ask for. Raises InputError for files that cannot be read."""
    if options.is_remote:
        remote = config.remote_recommender_config
        service = ServiceOptions(
            remote.host,
            options.port or remote.port,
            options.in_flight or remote.connections,
            remote.timeout_seconds,
            remote.retry_seconds,
        )
        return RemoteRunner(service, options.seed, options.n_processes)
    return InProcessRunner(
        options.recommender,
        options.lists,
        options.seed,
        options.n_processes,
        options.in_flight,
        _logs(options, config, world),
        options.service_chains,
    )


def _logs(options: RunOptions, config: SimConfig, world: World) -> RunLogs | None:
    if options.log_dir is None:
        return None
    origin = origin_of(
        config,
        options.recommender,
        options.lists,
        options.service_chains,
        seed=options.seed,
        episodes=options.total_episodes,
        days=options.days,
    )
    return RunLogs(
        options.log_dir,
        options.log_format,
        world.users.ids,
        episodes=options.total_episodes,
        days=options.days,
        log_days=options.log_days,
        origin=origin,
    )
