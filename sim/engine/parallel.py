"""Splits episodes over processes; what comes back does not depend on how many there are."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

import numpy as np

from sim.agent import Agent, Ints
from sim.engine.events import Events, Recorder
from sim.engine.play import BATCH, play
from sim.engine.sessions import Ended
from sim.errors import InputError
from sim.signals import held
from sim.world import World

# Episodes at a time: enough to keep a batch full, few enough to hold their events.
BLOCK = 20_000


class Played(NamedTuple):
    """How some episodes ended and, where asked for, their events, in episode order."""

    ended: Ended
    events: Events | None


def play_blocks(
    world: World,
    agent: Agent,
    *,
    seed: int,
    episodes: range | Ints,
    processes: int = 1,
    batch: int = BATCH,
    block: int = BLOCK,
    record: bool = False,
) -> Iterator[Played]:
    """Play `episodes` in blocks of at most `block`, over so many processes; yields them in order.

    Memory is that of a few blocks, however many episodes there are. Raises
    what `play` raises, and InputError where a process ends without a word.
    """
    if not len(episodes):
        raise InputError("no episodes to play: ask for 1 or more")
    size = min(block, -(-len(episodes) // processes))
    starts = range(0, len(episodes), size)
    how = (world, agent, seed, batch, record)
    if processes == 1:
        for start in starts:
            yield _play(*how, episodes=episodes[start : start + size])
        return
    # Each process has its blocks, every processes-th; a pipe holds back one that is far ahead.
    how = (world.prepared(), *how[1:])
    shares = [(*how, episodes, size, starts[i::processes]) for i in range(processes)]
    with workers(_play_share, shares[: len(starts)]) as running:
        for i in range(len(starts)):
            yield receive(running[i % len(running)].pipe)


def _play(
    world: World, agent: Agent, seed: int, batch: int, record: bool, *, episodes: range | Ints
) -> Played:
    recorder = Recorder() if record else None
    ends: list[Ended] = []
    play(
        world,
        agent,
        seed=seed,
        episodes=episodes,
        batch=batch,
        recorder=recorder,
        progress=ends.append,
    )
    columns = [np.concatenate(column) for column in zip(*ends, strict=True)]
    order = np.argsort(columns[0])
    ended = Ended(*(column[order] for column in columns))
    return Played(ended, recorder.events() if recorder is not None else None)


def _play_share(send: Callable[[Any], None], *how: Any) -> None:
    *most, episodes, size, starts = how
    for start in starts:
        send(_play(*most, episodes=episodes[start : start + size]))


class Worker(NamedTuple):
    """A process and the end of the pipe to `receive` from."""

    process: SpawnProcess
    pipe: "Connection[Any, Any]"


@contextmanager
def workers(
    work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]
) -> Iterator[list[Worker]]:
    """Runs work(send, *arguments[i]) in a process each.

    The processes are new ones, not forks: a fork would copy whatever threads
    had locked. Ctrl-C is not for them: this process ends them on the way out.
    """
    context = multiprocessing.get_context("spawn")
    running: list[Worker] = []
    try:
        with held():
            for some in arguments:
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=_run, args=(there, work, some), daemon=True)
                with _deaf():
                    process.start()
                running.append(Worker(process, here))
                there.close()
        yield running
    finally:
        with held():
            for worker in running:
                worker.pipe.close()
                worker.process.terminate()
            for worker in running:
                worker.process.join()


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that start here do not hear Ctrl-C, from their first moment on.

    They inherit that it is blocked; for this process it waits until the end.
    """
    # The tracker that comes with the first process unblocks it again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def receive(pipe: "Connection[Any, Any]") -> Any:
    """What a worker sent next; raises what it raised, and InputError where it is gone."""
    try:
        message = pipe.recv()
    except (EOFError, OSError):  # also in the middle of a message
        raise InputError(
            "a process of the simulation ended without a word (out of memory?): "
            "ask for fewer --processes"
        ) from None
    if isinstance(message, BaseException):
        raise message
    return message


def _run(
    pipe: "Connection[Any, Any]", work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    try:
        work(pipe.send, *arguments)
    except (KeyboardInterrupt, ConnectionError):
        pass  # told to end, or nobody is there to hear
    except Exception as error:
        pipe.send(error)
    finally:
        pipe.close()
