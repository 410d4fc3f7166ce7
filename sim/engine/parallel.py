"""Splits episodes over processes; the result does not depend on their number."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

import numpy as np

from sim.agent import Agent
from sim.arrays import Ints
from sim.engine.events import Events, Recorder
from sim.engine.play import BATCH, play
from sim.engine.sessions import EndedSessions
from sim.errors import InputError
from sim.signals import defer_interrupts, sigint_blocked
from sim.world import World

# Episodes at a time: enough to keep a batch full, few enough to hold their events.
BLOCK = 20_000


class PlayedBlock(NamedTuple):
    """How a block of episodes ended and, if recorded, their events, in episode order."""

    ended: EndedSessions
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
) -> Iterator[PlayedBlock]:
    """Play `episodes` in blocks of at most `block` over several processes; yields them in order.

    Memory use is that of a few blocks, whatever the number of episodes. Raises
    what `play` raises, and InputError if a process dies.
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
    # Process i plays blocks i, i + processes, ...; its pipe holds it back if it runs far ahead.
    how = (world.prepared(), *how[1:])
    shares = [(*how, episodes, size, starts[i::processes]) for i in range(processes)]
    with workers(_play_share, shares[: len(starts)]) as running:
        for i in range(len(starts)):
            yield receive(running[i % len(running)].pipe)


def _play(
    world: World, agent: Agent, seed: int, batch: int, record: bool, *, episodes: range | Ints
) -> PlayedBlock:
    recorder = Recorder() if record else None
    ends: list[EndedSessions] = []
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
    ended = EndedSessions(*(column[order] for column in columns))
    return PlayedBlock(ended, recorder.events() if recorder is not None else None)


def _play_share(send: Callable[[Any], None], *how: Any) -> None:
    *most, episodes, size, starts = how
    for start in starts:
        send(_play(*most, episodes=episodes[start : start + size]))


class Worker(NamedTuple):
    """A process, and the end of the pipe to `receive` from."""

    process: SpawnProcess
    pipe: "Connection[Any, Any]"


@contextmanager
def workers(
    work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]
) -> Iterator[list[Worker]]:
    """Runs work(send, *arguments[i]) in one process for each i.

    The processes are spawned, not forked: a fork would copy locks that threads
    hold. They ignore Ctrl-C: this process terminates them when the block ends.
    """
    context = multiprocessing.get_context("spawn")
    running: list[Worker] = []
    try:
        with defer_interrupts():
            # It would start with the first process, and unblock the signal again.
            resource_tracker.ensure_running()
            for args in arguments:
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=_run, args=(there, work, args), daemon=True)
                with sigint_blocked():
                    process.start()
                running.append(Worker(process, here))
                there.close()
        yield running
    finally:
        with defer_interrupts():
            for worker in running:
                worker.pipe.close()
                worker.process.terminate()
            for worker in running:
                worker.process.join()


def receive(pipe: "Connection[Any, Any]") -> Any:
    """What a worker sent next; raises what it raised, and InputError if it died."""
    try:
        message = pipe.recv()
    except (EOFError, OSError):  # also in the middle of a message
        raise InputError(
            "a simulation worker died unexpectedly (out of memory?): use fewer --processes"
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
        pass  # terminated, or nothing receives any more
    except Exception as error:
        pipe.send(error)
    finally:
        pipe.close()
