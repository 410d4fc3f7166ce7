"""Splits episodes over processes; what comes back does not depend on how many there are."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from sim.agents.base import Agent, Ints
from sim.engine import BATCH, play
from sim.errors import InputError
from sim.events import Events, Recorder
from sim.sessions import Ended
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
    blocks = [episodes[start : start + size] for start in range(0, len(episodes), size)]
    how = (world, agent, seed, batch, record)
    if processes == 1:
        for some in blocks:
            yield _play(*how, episodes=some)
        return
    # Each process has its blocks, every processes-th; a pipe holds back one that is far ahead.
    shares = [blocks[i::processes] for i in range(min(processes, len(blocks)))]
    how = (world.prepared(), *how[1:])
    with workers(_play_share, [(*how, share) for share in shares]) as pipes:
        for i in range(len(blocks)):
            yield receive(pipes[i % len(pipes)])


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
    *most, blocks = how
    for block in blocks:
        send(_play(*most, episodes=block))


@contextmanager
def workers(
    work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]
) -> Iterator[list["Connection[Any, Any]"]]:
    """Runs work(send, *arguments[i]) in a process each; yields the ends to `receive` from.

    The processes are new ones, not forks: a fork would copy whatever threads
    had locked. They are ended on the way out.
    """
    context = multiprocessing.get_context("spawn")
    running, pipes = [], []
    try:
        for some in arguments:
            here, there = context.Pipe(duplex=False)
            pipes.append(here)
            process = context.Process(target=_run, args=(there, work, some), daemon=True)
            process.start()
            running.append(process)
            there.close()
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in running:
            process.terminate()
            process.join()


def receive(pipe: "Connection[Any, Any]") -> Any:
    """What a worker sent next; raises what it raised, and InputError where it is gone."""
    try:
        message = pipe.recv()
    except (EOFError, ConnectionError):
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
        pass  # Ctrl-C reaches every process, and the parent speaks for all; or it is gone
    except Exception as error:
        pipe.send(error)
    finally:
        pipe.close()
