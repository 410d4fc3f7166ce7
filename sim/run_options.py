"""The options of `botify-sim run` as one typed, checked object."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sim.agents.service_chains import ServiceChains, load_service_chains
from sim.errors import InputError

# Simulated days that a log covers without --days.
_LOG_DAYS = 30
_EPISODES = 1_000


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the command line asks for; options that contradict each other raise InputError.

    The fields are the command's parameters as typed, None where they were left
    out; the properties are what follows from them.
    """

    mode: str | None = None
    episodes: int | None = None
    episodes_per_process: int | None = None
    recommender: str = "remote"
    config_path: Path = Path("config/env.yml")
    family: str | None = None
    seed: int = 31337
    processes: int | None = None
    port: int | None = None
    lists: Path | None = None
    chains: Path | None = None
    data_dir: Path | None = None
    log_dir: Path | None = None
    log_format: str = "json"
    days: int = 1
    between_days: str | None = None
    yes: bool = False

    def __post_init__(self) -> None:
        if self.mode == "single" and self.processes is not None:
            raise InputError(
                "--processes does not go with single, which plays one session at a time"
            )
        if self.episodes is not None and self.episodes_per_process is not None:
            raise InputError(
                "--episodes and --episodes-per-process are two ways to say it: give one"
            )
        total = self.total_episodes
        if not 1 <= total < 2**63:
            raise InputError(f"--episodes {total}: there must be 1 or more, and below 2**63")
        if not 1 <= self.days <= total:
            raise InputError(
                f"--days {self.days}: it must be 1 or more, and no more than --episodes"
            )
        if self.between_days is not None and self.days == 1:
            raise InputError(
                "--between-days: with one day there is nothing in between, see --days"
            )
        if self.is_remote and self.log_dir is not None:
            raise InputError("--log: the service writes the log of a remote run, see its log_dir")

    @cached_property
    def service_chains(self) -> ServiceChains | None:
        """The recommenders of the config that --chains names. Raises InputError."""
        return None if self.chains is None else load_service_chains(self.chains, self.data_dir)

    @property
    def is_remote(self) -> bool:
        """Whether a service answers, over HTTP."""
        return self.recommender == "remote"

    @property
    def is_console(self) -> bool:
        """Whether a person in the terminal answers."""
        return self.recommender == "console"

    @property
    def n_processes(self) -> int:
        """Number of processes to play in; a person has one terminal."""
        if self.is_console:
            return 1
        default = len(os.sched_getaffinity(0)) if self.mode == "multi" else 1
        return self.processes or default

    @property
    def total_episodes(self) -> int:
        """Number of sessions, over all processes."""
        if self.episodes_per_process is not None:
            return self.episodes_per_process * self.n_processes
        return _EPISODES if self.episodes is None else self.episodes

    @property
    def in_flight(self) -> int | None:
        """Number of sessions in flight at once; None: as many as suits the runner."""
        return 1 if self.mode == "single" or self.is_console else None

    @property
    def log_days(self) -> int:
        """Number of simulated days over which a log spreads the sessions."""
        return self.days if self.days > 1 else _LOG_DAYS
