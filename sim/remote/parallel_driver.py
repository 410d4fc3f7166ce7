"""Drives a service from several processes, each with users of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from sim.agent import Ints
from sim.engine.parallel import Worker, receive, workers
from sim.engine.sessions import Ended, user_rows
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote.driver import INTERRUPTED, DriveError, Driven, drive
from sim.remote.service import ServiceOptions
from sim.rng import Streams
from sim.signals import held, sigterm_as_ctrl_c
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
    stopped: str | None = None
    useless = False
    with workers(_drive_share, shares) as running:
        pipes = [worker.pipe for worker in running]
        while pipes:
            try:
                ready = wait(pipes)
                with held():
                    for pipe in ready:
                        message = _receive(pipe, stopped)  # type: ignore[arg-type] # no socket
                        if isinstance(message, Ended):
                            progress(message)
                            continue
                        pipes.remove(pipe)  # type: ignore[arg-type]
                        if isinstance(message, DriveError):
                            useless, message = True, message.driven
                        found.append(message)
                        if message.stopped and not stopped:
                            stopped = message.stopped
                            _stop(running)
            except KeyboardInterrupt:
                stopped = stopped or INTERRUPTED
                _stop(running)
    total = replace(_total(found), stopped=stopped)
    if useless:
        raise DriveError(str(stopped), total)
    return total


def _receive(pipe: "Connection[Any, Any]", stopped: str | None) -> Any:
    """What a worker sent; nothing played where it ended without a word, as it had been told to."""
    try:
        return receive(pipe)
    except DriveError as error:
        return error
    except InputError:
        if stopped is None:
            raise
        return Driven(Summary())


def _stop(running: list[Worker]) -> None:
    """Have the workers end their sessions and say what they have."""
    for worker in running:
        worker.process.terminate()


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
    with sigterm_as_ctrl_c():
        send(drive(world, service, seed=seed, episodes=mine, progress=send))


def _episodes(
    streams: Streams, n_users: int, episodes: range | Ints, share: int, shares: int
) -> Iterator[int]:
    """The episodes of every `shares`-th user."""
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
