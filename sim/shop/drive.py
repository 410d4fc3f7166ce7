"""Visitors of a generated shop against a running service, over HTTP."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Any

import orjson

from sim.engine.parallel import receive, workers
from sim.errors import InputError
from sim.remote.handshake import find_service
from sim.remote.http_pool import HttpPool
from sim.remote.service_options import ServiceOptions
from sim.shop.history import past, user_id
from sim.shop.visit import Action, Tally, send, visit
from sim.shop.world import ShopWorld

_EVENTS, _ANSWER = "/events", "/recommendations/"


@dataclass
class Driven:
    """What came of it."""

    visitors: int = 0
    """Whose visits all took place."""
    failed: int = 0
    """Visitors whose visits were cut short because a request failed."""
    requests: int = 0
    retries: int = 0
    unknown: int = 0
    """Items in answers that the shop does not have; nobody clicks on them."""
    tally: Tally = field(default_factory=Tally)
    of_visitors: dict[int, Tally] = field(default_factory=dict)
    """Of each visitor whose visits all took place."""

    def __add__(self, other: "Driven") -> "Driven":
        return Driven(
            self.visitors + other.visitors,
            self.failed + other.failed,
            self.requests + other.requests,
            self.retries + other.retries,
            self.unknown + other.unknown,
            self.tally + other.tally,
            self.of_visitors | other.of_visitors,
        )


@dataclass
class _Sent:
    path: str
    body: dict[str, Any] | list[dict[str, Any]]


def drive_shop(
    world: ShopWorld,
    service: ServiceOptions,
    visitors: Iterable[int],
    *,
    k: int = 5,
    run: str | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> Driven:
    """The visits of these visitors after the history; several at once, each at its own pace.

    What a visitor does depends on the shop, its seed and the service's answers alone. `run` makes
    the ids of this run's events differ from those of another one. Raises InputError if nothing
    answers, or answers what the protocol does not know.
    """
    run = run or secrets.token_hex(4)
    driven = Driven()
    numbers = {world.item_id(item): item for item in range(world.n_items)}
    queue = iter(visitors)
    with closing(HttpPool(find_service(service), service)) as pool:
        busy: dict[int, tuple[int, Tally, Iterator[_Sent]]] = {}

        def ask(slot: int, sent: _Sent) -> None:
            pool.ask(slot, sent.path, orjson.dumps(sent.body).decode("ascii"))

        def start(slot: int) -> None:
            for visitor in queue:
                tally = Tally()
                steps = _visits(world, visitor, tally, k, run, numbers, driven)
                first = next(steps, None)
                if first is not None:
                    busy[slot] = visitor, tally, steps
                    ask(slot, first)
                    return

        for slot in range(service.connections):
            start(slot)
        while busy:
            for slot, body in pool.wait():
                visitor, tally, steps = busy[slot]
                following = _next(steps, body)
                if following is not None and body is not None:
                    ask(slot, following)
                    continue
                del busy[slot]
                if body is None:
                    driven.failed += 1
                else:
                    driven.visitors += 1
                    driven.tally += tally
                    driven.of_visitors[visitor] = tally
                progress(1)
                start(slot)
        driven.requests, driven.retries = pool.requests, pool.retries
    return driven


def drive_shop_parallel(
    world: ShopWorld,
    service: ServiceOptions,
    visitors: list[int],
    *,
    k: int,
    processes: int,
    progress: Callable[[int], object],
) -> Driven:
    """`drive_shop` over several processes that share the connections; the outcome is the same."""
    if processes == 1:
        return drive_shop(world, service, visitors, k=k, progress=progress)
    share = replace(service, connections=max(1, service.connections // processes))
    run = secrets.token_hex(4)
    shares = [(world, share, visitors[i::processes], k, run) for i in range(processes)]
    total = Driven()
    with workers(_share, shares) as running:
        pipes = [worker.pipe for worker in running]
        while pipes:
            for pipe in wait(pipes):
                message = receive(pipe)  # type: ignore[arg-type] # no socket
                if isinstance(message, Driven):
                    total += message
                    pipes.remove(pipe)  # type: ignore[arg-type]
                else:
                    progress(message)
    return total


def _share(
    send: Callable[[Any], None],
    world: ShopWorld,
    service: ServiceOptions,
    visitors: list[int],
    k: int,
    run: str,
) -> None:
    send(drive_shop(world, service, visitors, k=k, run=run, progress=send))


def _next(steps: Any, body: bytes | None) -> _Sent | None:
    if body is None:
        return None
    try:
        sent: _Sent = steps.send(body)
    except StopIteration:
        return None
    return sent


def _visits(
    world: ShopWorld,
    visitor: int,
    tally: Tally,
    k: int,
    run: str,
    numbers: dict[str, int],
    driven: Driven,
) -> Any:
    """Yields what to send; is sent the bodies of the answers."""
    _, memory, plans = past(world, visitor)
    user = user_id(visitor)
    for plan in plans:
        session = f"{user}.{plan.number}"
        asking = {"user_id": user, "k": k, "session": session}
        steps, requests, n_events = visit(world, plan, memory, tally), list[str](), 0
        next(steps)
        while True:
            recs, request = _answer((yield _Sent(_ANSWER, asking)))
            requests.append(request)
            shown = [numbers[item] for item in recs if item in numbers]
            driven.unknown += len(recs) - len(shown)
            done, ended = send(steps, shown)
            events = [
                _event(world, user, session, f"{run}.{session}.{n_events + i}", action, requests)
                for i, action in enumerate(done)
            ]
            n_events += len(events)
            if events:
                yield _Sent(_EVENTS, events)
            if ended:
                break


def _answer(body: bytes) -> tuple[list[str], str]:
    try:
        answer = orjson.loads(body)
        return [str(item) for item in answer["recs"]], str(answer["request"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{_ANSWER}: answered {body[:200]!r}, an object with `recs` and `request` was expected"
        ) from error


def _event(
    world: ShopWorld, user: str, session: str, name: str, action: Action, requests: list[str]
) -> dict[str, Any]:
    event: dict[str, Any] = {
        "user": user,
        "item": world.item_id(action.item),
        "event": action.kind,
        "id": name,
        "session": session,
    }
    if action.answer is not None:
        event["request"] = requests[action.answer]
    if action.kind == "transaction":
        event |= {
            "price": float(world.price[action.item]),
            "quantity": 1,
            "transaction": f"order-{session}",
        }
    return event
