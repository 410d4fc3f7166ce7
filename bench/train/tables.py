"""Results of the training benchmark, as Markdown."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, zip_longest
from statistics import median

import click

from bench.common.results import Found
from bench.common.tables import spread, table


def report_epochs(baseline: Found, ours: Found) -> None:
    """Seconds an epoch. A baseline that ran part of one is scaled up, and marked so."""
    share = baseline["of_steps"] / baseline["steps"]
    of_baseline = [seconds * share for seconds in baseline["seconds"]]
    table(
        ("", "seconds an epoch", "epochs timed", "times as fast", "peak memory, MB"),
        [
            (
                "dense loop",
                spread(of_baseline, 1),
                f"{len(of_baseline) / share:.3g}",
                "1",
                f"{baseline['peak_mb']:,.0f}",
            ),
            (
                "ours",
                spread(ours["seconds"], 1),
                str(len(ours["seconds"])),
                f"{median(of_baseline) / median(ours['seconds']):,.1f}",
                f"{ours['peak_mb']:,.0f}",
            ),
        ],
    )
    if share > 1:
        click.echo(
            f"The dense loop ran {baseline['steps']} of {baseline['of_steps']} steps of an epoch; "
            "its seconds are scaled up from those.\n"
        )


def report_quality(baseline: Found, curve: Found, ours: Found) -> None:
    """Held-out NDCG by epoch, and the time to the baseline's best."""
    an_epoch = median(baseline["seconds"]) * baseline["of_steps"] / baseline["steps"]
    table(
        ("epoch", "dense loop, NDCG@50", "after, s", "ours, NDCG@50", "after, s"),
        [
            (str(number), *_point(theirs, number * an_epoch), *_point(own, seconds))
            for number, (theirs, own, seconds) in enumerate(
                zip_longest(curve["ndcg"], ours["ndcg"], accumulate(ours["seconds"])), start=1
            )
        ],
    )
    best = max(curve["ndcg"])
    at = curve["ndcg"].index(best) + 1
    reached = time_to(best, ours)
    said = (
        "ours does not get there"
        if reached is None
        else f"ours is there after {reached:,.1f} s: {at * an_epoch / reached:,.1f} times as fast"
    )
    click.echo(
        f"The dense loop's best held-out NDCG@50 is {best:.4f}, after epoch {at}, "
        f"{at * an_epoch:,.0f} s; {said}. Best of ours: {max(ours['ndcg']):.4f}.\n\n"
        "The dense loop's quality by epoch comes from an equal loop over sparse input (same "
        "initial weights, order of users, batches, loss and optimizer; its steps are tested to be "
        "equal), and its times are epochs × the seconds that an epoch of the dense loop takes. "
        "Evaluation is counted in neither.\n"
    )


def time_to(ndcg: float, ours: Found) -> float | None:
    """Training seconds until the first epoch at least as good; None if there is none."""
    for seconds, found in zip(accumulate(ours["seconds"]), ours["ndcg"], strict=True):
        if found >= ndcg:
            return float(seconds)
    return None


def report_lists(baseline: Found, ours: Found) -> None:
    """Top lists of all users."""
    table(
        (f"top {ours['k']} of {ours['users']:,} users", "seconds", "times as fast", "peak, MB"),
        [
            (
                name,
                f"{found['seconds']:,.2f}",
                f"{baseline['seconds'] / found['seconds']:,.1f}",
                f"{found['peak_mb']:,.0f}",
            )
            for name, found in (("argsort over dense scores", baseline), ("ours", ours))
        ],
    )


def report_scale(by_users: Mapping[int, Found]) -> None:
    """Streaming from disk: memory is to stay flat."""
    table(
        ("users", "seconds an epoch", "users/s", "peak memory, MB"),
        [
            (
                f"{users:,}",
                spread(found["seconds"], 1),
                f"{users / median(found['seconds']):,.0f}",
                f"{found['peak_mb']:,.0f}",
            )
            for users, found in by_users.items()
        ],
    )


def report_processes(by_count: Mapping[int, Found]) -> None:
    """The same training by one and by several processes."""
    table(
        (
            "processes",
            "seconds an epoch",
            "best NDCG@50",
            "loss of the last epoch",
            "peak of one, MB",
        ),
        [
            (
                str(count),
                spread(found["seconds"], 1),
                f"{max(found['ndcg']):.4f}",
                f"{found['losses'][-1]:.2f}",
                f"{found['peak_mb']:,.0f}",
            )
            for count, found in by_count.items()
        ],
    )


def _point(ndcg: float | None, seconds: float | None) -> Sequence[str]:
    if ndcg is None or seconds is None:
        return "", ""
    return f"{ndcg:.4f}", f"{seconds:,.1f}"
