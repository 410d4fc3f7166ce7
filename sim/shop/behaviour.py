"""How visitors of a generated shop behave: numbers fitted to real events.

Hours and weekdays were read from the even visitors of retailrocket-2k. The others were chosen so
that generated events have the spread of theirs, and the share of views that come back to an item
that the training part of retailrocket-sessions has; clicks on what is shown are in neither.
`python -m bench.shop_world` measures both beside each other, on the parts that nothing was fitted
to: docs/benchmarks/generated-shop.md.
"""

from dataclasses import dataclass

HOURS = (
    *(5.3, 4.1, 3.7, 1.5, 1.3, 1.3, 0.8, 0.6, 0.4, 0.2, 0.1, 0.2),
    *(0.3, 0.4, 1.1, 8.8, 9.3, 9.9, 9.2, 8.9, 9.0, 8.9, 8.0, 6.9),
)
"""Percent of events in each hour of the day, UTC."""

WEEKDAYS = (16.8, 18.5, 17.9, 16.4, 14.0, 8.2, 8.2)
"""Percent of events on each day of the week, from Monday."""


@dataclass(frozen=True)
class Behaviour:
    """Parameters of all visitors. Logarithms are natural; logits are of probabilities."""

    visits_log_mean: float = -0.2
    visits_log_sd: float = 1.8
    """Of the number of visits of a visitor, log-normal, rounded up ..."""
    most_visits: int = 400
    """... and cut here."""
    gap_log_mean: float = -0.6
    gap_log_sd: float = 2.3
    """Of the days between two visits, log-normal."""
    views_log_mean: float = 0.4
    views_log_sd: float = 1.5
    """Of the items that a visitor looks at in one visit without being shown any, log-normal."""
    most_views: int = 200
    dwell_log_mean: float = 3.9
    dwell_log_sd: float = 1.0
    """Of the seconds between two pages, log-normal."""
    returns: float = 0.17
    """Share of views that go back to an item that was seen before, mostly to one of the last."""
    strays: float = 0.15
    """Share of other views that lie outside the category that the visit is about."""
    popularity_log_sd: float = 1.05
    """Of how well known an item is within its category, log-normal."""
    match_weight: float = 2.0
    """How much the choice among the items of a category goes by the visitor's taste."""
    cart_base: float = -4.6
    cart_match: float = 2.2
    cart_quality: float = 0.5
    """Logit of putting a viewed item into the cart: base + match * taste + quality * item ..."""
    propensity_sd: float = 1.4
    """... + the visitor's own, normal with this standard deviation."""
    buys: float = 0.65
    """Chance that an item in the cart is bought at the end of the visit."""
    click_base: float = -3.0
    click_match: float = 4.0
    """Logit of a click on an item that is shown and looked at."""
    attention: tuple[float, ...] = (1.0, 0.8, 0.65, 0.55, 0.5)
    """Chance that the item in each place is looked at; the last one for all further places."""
    fatigue: float = 0.5
    """Factor of the chance of a click for each time that the item was shown in this visit."""
