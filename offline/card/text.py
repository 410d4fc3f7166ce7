"""The data card for a terminal."""

from collections.abc import Iterator

from offline.card.facts import Counts, Facts


def as_text(facts: Facts) -> str:
    """A few lines."""
    return "\n".join(_lines(facts))


def _lines(facts: Facts) -> Iterator[str]:
    summary = facts.summary
    for step in summary.selection:
        yield (
            f"{step['what']}: {step['rows']:,} rows, {step['users']:,} users, "
            f"{step['items']:,} items"
        )
    yield (
        f"{facts.interactions:,} interactions of {facts.users:,} users with {facts.items:,} items"
        f"; {100 * facts.density:.3g} % of all pairs"
    )
    yield f"per user: {spread(facts.per_user)}"
    yield f"per item: {spread(facts.per_item)}"
    yield (
        f"long tail: the top 1 % of items have {100 * facts.per_item.top_share:.0f} % of the "
        f"interactions; {facts.per_item.few:,} items have fewer than 5"
    )
    yield f"kinds: {', '.join(f'{name} {count:,}' for name, count in facts.kinds)}"
    if facts.span is not None:
        yield f"times: {facts.span[0]} to {facts.span[1]}"
    else:
        yield "times: none, so nothing can depend on recency"
    yield liked(facts)
    if summary.repeats:
        rows = "1 row" if summary.repeats == 1 else f"{summary.repeats:,} rows"
        yield f"repeats: {rows} of a user, item and kind that were there already"
    for reason, count in summary.dropped.items():
        yield f"left out: {count:,} {reason}"


def liked(facts: Facts) -> str:
    """Which interactions are likes."""
    least = facts.summary.liked_from
    rule = "a value above 0" if least is None else f"a value of {least:g} or more"
    return f"likes: {facts.likes:,} pairs of user and item, those with {rule}"


def spread(counts: Counts) -> str:
    """The counts in a line."""
    return (
        f"{counts.least:,} to {counts.most:,}, median {counts.median:,.0f}, mean "
        f"{counts.mean:,.1f}, Gini {counts.gini:.2f}"
    )
