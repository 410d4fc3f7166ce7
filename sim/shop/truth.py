"""What visitors do under recommenders that need no service: a truth to check verdicts by."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim.shop.history import past
from sim.shop.plans import Plan
from sim.shop.visit import Memory, Tally, send, visit
from sim.shop.world import ShopWorld

Policy = Callable[[Plan, Memory], Sequence[int]]
"""The items to show on a page of a visit."""


def nothing(plan: Plan, memory: Memory) -> Sequence[int]:
    """No items."""
    return ()


@dataclass
class Popular:
    """The items that most visitors of the history came to, as far as they are in stock."""

    items: list[int]

    @classmethod
    def of(cls, world: ShopWorld, visitors: Sequence[set[int]], k: int) -> "Popular":
        """`visitors`: the items of each."""
        counts = np.zeros(world.n_items, dtype=np.int64)
        for items in visitors:
            counts[list(items)] += 1
        order = np.argsort(-counts, kind="stable")
        return cls([int(item) for item in order if world.available[item]][:k])

    def __call__(self, plan: Plan, memory: Memory) -> Sequence[int]:
        """The same for everybody."""
        return self.items


@dataclass
class Oracle:
    """The items with the largest chance of being clicked and put into the cart; it knows all."""

    world: ShopWorld
    k: int

    def __call__(self, plan: Plan, memory: Memory) -> Sequence[int]:
        """The best items of this visit."""
        world, of = self.world, self.world.options.behaviour
        match = world.vectors @ plan.vector
        click = 1 / (1 + np.exp(-(of.click_base + of.click_match * match)))
        logit = of.cart_base + of.cart_match * match + of.cart_quality * world.quality
        chance = click / (1 + np.exp(-(logit + plan.propensity))) * world.available
        chance[list(memory.bought)] = 0.0
        best = np.argpartition(-chance, self.k)[: self.k]
        found: list[int] = best[np.argsort(-chance[best], kind="stable")].tolist()
        return found


def play(world: ShopWorld, plans: Iterable[Plan], memory: Memory, policy: Policy) -> Tally:
    """The visits of one visitor under a policy, one after the other."""
    tally = Tally()
    for plan in plans:
        steps = visit(world, plan, memory, tally)
        next(steps)
        ended = False
        while not ended:
            _, ended = send(steps, policy(plan, memory))
    return tally


@dataclass(frozen=True)
class Truth:
    """Expected add-to-carts per visitor, on the days after the history.

    Means over visitors of the chances of all carts, so that they have the noise of what was looked
    at alone, and not that of who then put it into the cart.
    """

    visitors: int
    """Who came on these days."""
    new: int
    """Of them, those who had not come before."""
    nothing: float
    """Without recommendations."""
    popular: float
    """Where everybody is shown the most popular items."""
    oracle: float
    """Where everybody is shown the best items for the visit."""


def truth_of(
    world: ShopWorld, k: int, progress: Callable[[int], object] = lambda done: None
) -> Truth:
    """The truth about all visitors who come on the days after the history.

    `progress` receives a number of visitors each time.
    """
    return truths_of(world, k, {"all": range(world.options.visitors)}, progress)["all"]


def truths_of(
    world: ShopWorld,
    k: int,
    groups: Mapping[str, Sequence[int]],
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Truth]:
    """The same about each group of visitors; those who do not come are not counted."""
    came = list[set[int]]()
    later: dict[int, tuple[Memory, list[Plan]]] = {}
    wanted = {visitor for group in groups.values() for visitor in group}
    for visitor in range(world.options.visitors):
        events, memory, plans = past(world, visitor)
        came.append({event.item for event in events})
        if plans and visitor in wanted:
            later[visitor] = memory, plans
        progress(1)
    policies: tuple[Policy, ...] = (nothing, Popular.of(world, came, k), Oracle(world, k))
    carts = {
        visitor: [
            play(world, plans, Memory([*memory.seen], {*memory.bought}), policy).expected_carts
            for policy in policies
        ]
        for visitor, (memory, plans) in later.items()
    }
    found = {}
    for name, group in groups.items():
        coming = [visitor for visitor in group if visitor in later]
        new = sum(not later[visitor][0].seen for visitor in coming)
        sums = (sum(carts[visitor][i] for visitor in coming) for i in range(len(policies)))
        found[name] = Truth(len(coming), new, *(total / max(len(coming), 1) for total in sums))
    return found
