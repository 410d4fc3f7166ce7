"""Drives a service from several processes, each with users of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Any

import numpy as np

from sim.agents.base import Ints
from sim.parallel import receive, workers
from sim.remote.driver import Driven, drive
from sim.remote.options import ServiceOptions
from sim.sessions import Ended, user_rows
from sim.streams import Streams
from sim.world import World

# Episodes whose users are looked up at a time.
_BLOCK = 65_536


def drive_parallel(
    world: World,
    service: ServiceOptions,
    *,
    seed: int,
    episodes: range | Ints,
    processes: int,
    progress: Callable[[Ended], object] = lambda ended: None,
) -> Driven:
    """`drive`, over so many processes that share the connections.

    A user's sessions all are one process's, so that no two of them are ever
    in flight together; the outcome of a session is the same.
    """
    if processes == 1:
        return drive(world, service, seed=seed, episodes=episodes, progress=progress)
    mine = replace(service, connections=max(1, service.connections // processes))
    shares = [(world.prepared(), mine, seed, episodes, i, processes) for i in range(processes)]
    found: list[Driven] = []
    with workers(_drive_share, shares) as pipes:
        running = list(pipes)
        while running:
            try:
                ready = wait(running)
            except KeyboardInterrupt:
                continue  # it reached them as well: they stop, and say what they have
            for pipe in ready:
                message = receive(pipe)  # type: ignore[arg-type] # not a socket: it is ours
                if isinstance(message, Driven):
                    found.append(message)
                    running.remove(pipe)  # type: ignore[arg-type]
                else:
                    progress(message)
    return _total(found)


def _drive_share(
    send: Callable[[Any], None],
    world: World,
    service: ServiceOptions,
    seed: int,
    episodes: range | Ints,
    share: int,
    shares: int,
) -> None:
    mine = _episodes(Streams(seed), len(world.users), episodes, share, shares)
    send(drive(world, service, seed=seed, episodes=mine, progress=send))


def _episodes(
    streams: Streams, n_users: int, episodes: range | Ints, share: int, shares: int
) -> Iterator[int]:
    """The episodes of every shares-th user."""
    for start in range(0, len(episodes), _BLOCK):
        block = np.asarray(episodes[start : start + _BLOCK], dtype=np.int64)
        yield from block[user_rows(streams, n_users, block) % shares == share].tolist()


def _total(parts: list[Driven]) -> Driven:
    total = parts[0]
    for part in parts[1:]:
        total = Driven(
            total.summary + part.summary,
            total.failed + part.failed,
            total.unclosed + part.unclosed,
            total.retries + part.retries,
            total.requests + part.requests,
            total.stopped or part.stopped,
        )
    return total
