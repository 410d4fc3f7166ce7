"""Drives a service from several processes, each with its own users."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from sim.arrays import Ints
from sim.engine.parallel import Worker, receive, workers
from sim.engine.sessions import EndedSessions, user_rows
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote.driver import INTERRUPTED, DriveError, DriveResult, drive
from sim.remote.service_options import ServiceOptions
from sim.rng import Streams
from sim.signals import defer_interrupts, sigterm_as_ctrl_c
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
    progress: Callable[[EndedSessions], object] = lambda ended: None,
) -> DriveResult:
    """`drive`, over several processes that share the connections.

    All sessions of a user are played by one process, so that no two of them are
    in flight at once; the outcome of a session is the same.
    """
    if processes == 1:
        return drive(world, service, seed=seed, episodes=episodes, progress=progress)
    share = replace(service, connections=max(1, service.connections // processes))
    shares = [(world.prepared(), share, seed, episodes, i, processes) for i in range(processes)]
    results: list[DriveResult] = []
    stopped: str | None = None
    failed = False
    with workers(_drive_share, shares) as running:
        pipes = [worker.pipe for worker in running]
        while pipes:
            try:
                ready = wait(pipes)
                with defer_interrupts():
                    for pipe in ready:
                        message = _receive(pipe, stopped)  # type: ignore[arg-type] # no socket
                        if isinstance(message, EndedSessions):
                            progress(message)
                            continue
                        pipes.remove(pipe)  # type: ignore[arg-type]
                        if isinstance(message, DriveError):
                            failed, message = True, message.result
                        results.append(message)
                        if message.stopped and not stopped:
                            stopped = message.stopped
                            _stop(running)
            except KeyboardInterrupt:
                stopped = stopped or INTERRUPTED
                _stop(running)
    total = replace(_total(results), stopped=stopped)
    if failed:
        raise DriveError(str(stopped), total)
    return total


def _receive(pipe: "Connection[Any, Any]", stopped: str | None) -> Any:
    """What a worker sent; an empty result if it ended before it could send, after `_stop`."""
    try:
        return receive(pipe)
    except DriveError as error:
        return error
    except InputError:
        if stopped is None:
            raise
        return DriveResult(Summary())


def _stop(running: list[Worker]) -> None:
    """Have the workers end early and send what they finished."""
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
    own = _episodes(Streams(seed), len(world.users), episodes, share, shares)
    with sigterm_as_ctrl_c():
        send(drive(world, service, seed=seed, episodes=own, progress=send))


def _episodes(
    streams: Streams, n_users: int, episodes: range | Ints, share: int, shares: int
) -> Iterator[int]:
    """The episodes of every `shares`-th user."""
    for start in range(0, len(episodes), _BLOCK):
        block = np.asarray(episodes[start : start + _BLOCK], dtype=np.int64)
        yield from block[user_rows(streams, n_users, block) % shares == share].tolist()


def _total(parts: list[DriveResult]) -> DriveResult:
    total = parts[0]
    for part in parts[1:]:
        total = DriveResult(
            total.summary + part.summary,
            total.failed + part.failed,
            total.unclosed + part.unclosed,
            total.retries + part.retries,
            total.requests + part.requests,
            total.stopped or part.stopped,
        )
    return total
