"""The events of a shop from before, as the shop itself would have them."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from sim.shop.plans import DAY, Plan, plans_of
from sim.shop.visit import Memory, Tally, send, visit
from sim.shop.world import ShopWorld

COLUMNS = ("user", "item", "event", "timestamp", "session", "transaction", "price", "quantity")


class PastEvent(NamedTuple):
    """An event of the history."""

    start: float
    """Seconds since its first midnight."""
    visitor: int
    visit: int
    item: int
    kind: str


def user_id(visitor: int) -> str:
    """The id that everybody else knows a visitor by."""
    return f"visitor-{visitor:05d}"


def past(world: ShopWorld, visitor: int) -> tuple[list[PastEvent], Memory, list[Plan]]:
    """What a visitor did in the history, what is remembered of it, and the visits after it."""
    plans = plans_of(world, visitor)
    memory, events = Memory(), list[PastEvent]()
    until = world.options.days * DAY
    for plan in plans:
        if plan.start < until:
            events += _without_answers(world, plan, memory)
    return events, memory, [plan for plan in plans if plan.start >= until]


def _without_answers(world: ShopWorld, plan: Plan, memory: Memory) -> Iterator[PastEvent]:
    steps = visit(world, plan, memory, Tally())
    next(steps)
    ended = False
    while not ended:
        done, ended = send(steps, ())
        for action in done:
            yield PastEvent(
                plan.start + action.seconds, plan.visitor, plan.number, action.item, action.kind
            )


def write_history(
    world: ShopWorld, path: Path, until_ms: int, progress: Callable[[int], object]
) -> dict[str, int]:
    """Write the events of all visitors in order of time; how many of each kind.

    The history ends at `until_ms`, a Monday's midnight; a visit that goes on beyond it is cut.
    `progress` receives a number of visitors each time.
    """
    events: list[PastEvent] = []
    for visitor in range(world.options.visitors):
        events += past(world, visitor)[0]
        progress(1)
    end = world.options.days * DAY
    events = sorted(event for event in events if event.start < end)
    begin_ms = until_ms - end * 1000
    counts: dict[str, int] = {}
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for event in events:
            counts[event.kind] = counts.get(event.kind, 0) + 1
            bought = event.kind == "transaction"
            user = user_id(event.visitor)
            out.writerow(
                (
                    user,
                    world.item_id(event.item),
                    event.kind,
                    begin_ms + int(event.start * 1000),
                    f"{user}.{event.visit}",
                    f"order-{event.visitor}-{event.visit}" if bought else "",
                    world.price[event.item],
                    1 if bought else "",
                )
            )
    return counts
