"""What a visitor does in one visit: looks, puts into the cart, buys."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.shop.plans import Plan
from sim.shop.world import ShopWorld

_OWN, _SHOWN = 0, 1
_REMEMBERED = 40
MOST_PAGES = 300
"""Of one visit: it ends here whatever is shown."""


class Action(NamedTuple):
    """Something that a visitor did, or was shown."""

    kind: str
    item: int
    seconds: float
    """Since the start of the visit."""
    answer: int | None = None
    """Number of the answer of this visit that it follows, from 0; None: of the visitor's own."""


@dataclass
class Memory:
    """What a visitor takes from one visit to the next."""

    seen: list[int] = field(default_factory=list)
    """Items, the last one last."""
    bought: set[int] = field(default_factory=set)


@dataclass
class Tally:
    """The truth about what visitors did, beside what they happened to do."""

    expected_carts: float = 0.0
    """Sum, over the views that took place, of the chance that the item is put into the cart."""
    carts: int = 0
    purchases: int = 0
    views: int = 0
    clicks: int = 0
    answers: int = 0
    visits: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in vars(self)))


Visit = Generator[list[Action], Sequence[int], list[Action]]
"""Yields what was done since the last page; is sent the items that the next page shows."""


def visit(world: ShopWorld, plan: Plan, memory: Memory, tally: Tally) -> Visit:
    """One visit. `memory` and `tally` are brought up to date.

    It yields once for each page that shows items, the shop's front page first, and returns what
    was done after the last one. What the visitor does without being shown anything does not depend
    on what is shown, but for items that were bought or are remembered.
    """
    own = _OwnChoice(world, plan, memory)
    taste = _Taste(world, plan, memory)
    reaction = world.visit_stream(plan.visitor, plan.number, _SHOWN)
    of = world.options.behaviour
    tally.visits += 1
    clock, left, cart = 0.0, plan.views, dict[int, int | None]()
    done: list[Action] = []
    for page in range(MOST_PAGES):
        shown = yield done
        done = [Action("impression", item, clock, page) for item in shown]
        tally.answers += bool(shown)
        item = taste.clicked(shown, reaction) if shown else None
        answer = None
        if item is not None:
            tally.clicks += 1
            answer, draws = page, reaction
        elif left:
            left -= 1
            item, draws = own.next(), own.rng
        else:
            break
        clock += draws.lognormal(of.dwell_log_mean, of.dwell_log_sd)
        done.append(Action("view", item, clock, answer))
        tally.views += 1
        memory.seen.append(item)
        del memory.seen[:-_REMEMBERED]
        chance = 0.0 if item in cart else taste.cart_chance(item)
        tally.expected_carts += chance
        if draws.random() < chance:
            clock += 5.0
            done.append(Action("addtocart", item, clock, answer))
            cart[item] = answer
            tally.carts += 1
    for item, answer in cart.items():
        if own.rng.random() < of.buys:
            done.append(Action("transaction", item, clock + 60.0, answer))
            memory.bought.add(item)
            tally.purchases += 1
    return done


def send(steps: Visit, shown: Sequence[int]) -> tuple[list[Action], bool]:
    """What is done after a page that shows these items, and whether the visit ends with it."""
    try:
        return steps.send(shown), False
    except StopIteration as end:
        done: list[Action] = end.value
        return done, True


class _Taste:
    """The chances of clicks and carts in one visit."""

    def __init__(self, world: ShopWorld, plan: Plan, memory: Memory) -> None:
        self._world, self._plan, self._memory = world, plan, memory
        self._shown: dict[int, int] = {}
        self._after = plan.start >= world.options.days * 86_400

    def clicked(self, shown: Sequence[int], rng: np.random.Generator) -> int | None:
        """The first of these items that is clicked; None if none is."""
        of = self._world.options.behaviour
        draws = rng.random(len(shown))
        found = None
        for place, item in enumerate(shown):
            times = self._shown[item] = self._shown.get(item, -1) + 1
            if found is None and item not in self._memory.bought:
                looked = of.attention[min(place, len(of.attention) - 1)] * of.fatigue**times
                match = float(self._world.vectors[item] @ self._plan.vector)
                if draws[place] < looked * _sigmoid(of.click_base + of.click_match * match):
                    found = item
        return found

    def cart_chance(self, item: int) -> float:
        """The chance that an item that is viewed is put into the cart."""
        world = self._world
        if item in self._memory.bought or (self._after and not world.available[item]):
            return 0.0
        of = world.options.behaviour
        match = float(world.vectors[item] @ self._plan.vector)
        return _sigmoid(
            of.cart_base
            + of.cart_match * match
            + of.cart_quality * float(world.quality[item])
            + self._plan.propensity
        )


class _OwnChoice:
    """The items that a visitor comes to without being shown any."""

    def __init__(self, world: ShopWorld, plan: Plan, memory: Memory) -> None:
        self.rng = world.visit_stream(plan.visitor, plan.number, _OWN)
        self._world, self._plan, self._memory = world, plan, memory
        self._before = len(memory.seen)
        self._chances: dict[int, NDArray[np.float64]] = {}

    def next(self) -> int:
        """An item."""
        of, seen = self._world.options.behaviour, self._memory.seen
        which, where, whither = self.rng.random(3)
        if seen and which < of.returns:
            # Mostly to one of the last few: the share falls by a quarter with each one back.
            back = int(math.log(max(1.0 - where, 1e-12)) / math.log(0.75))
            return seen[-1 - min(back, len(seen) - 1)]
        leaf = self._plan.leaf
        if where < of.strays:
            among = self._world.leaf_weight.cumsum()
            leaf = min(int(np.searchsorted(among, where / of.strays)), len(among) - 1)
        chances = self._chances_in(leaf)
        place = int(np.searchsorted(chances, whither * chances[-1]))
        return int(self._world.first[leaf]) + min(place, len(chances) - 1)

    def _chances_in(self, leaf: int) -> NDArray[np.float64]:
        """The items of a category: running sums of their weights for this visit."""
        if leaf not in self._chances:
            world = self._world
            part = slice(int(world.first[leaf]), int(world.first[leaf + 1]))
            match = world.vectors[part] @ self._plan.vector
            weight = world.options.behaviour.match_weight
            self._chances[leaf] = np.cumsum(world.weight[part] * np.exp(weight * match))
        return self._chances[leaf]


def _sigmoid(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))
