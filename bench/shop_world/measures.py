"""What is measured of events: of real ones and of generated ones alike."""

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

KINDS = ("view", "addtocart", "transaction")
_GAP_SECONDS = 1800


def like_retailrocket(events: pd.DataFrame) -> pd.DataFrame:
    """Events in the form of retailrocket-2k: visitors who bought, and the last time alone of each
    visitor, item and kind. Columns user, item, event, timestamp (s)."""
    buyers = events.loc[events["event"] == "transaction", "user"].unique()
    events = events[events["user"].isin(buyers)].sort_values("timestamp", kind="stable")
    return events.drop_duplicates(["user", "item", "event"], keep="last")


def measures(events: pd.DataFrame) -> dict[str, float]:
    """Figures of events in the form of retailrocket-2k, by name."""
    events = events.sort_values(["user", "timestamp"], kind="stable")
    per_user = events.groupby("user").size()
    gap = events.groupby("user")["timestamp"].diff()
    visit = (gap.isna() | (gap > _GAP_SECONDS)).cumsum()
    visits = visit.groupby(events["user"]).nunique()
    per_visit = visit.groupby(visit).size()
    kinds = events["event"].value_counts(normalize=True)
    pairs = events.assign(one=1).pivot_table(
        index=["user", "item"], columns="event", values="one", aggfunc="size", fill_value=0
    )
    viewed, carted, bought = (pairs[kind] > 0 for kind in KINDS)
    span = events.groupby("user")["timestamp"].agg(["min", "max"])
    days = (span["max"] - span["min"]) / 86_400
    hours = (events["timestamp"] // 3600) % 24
    weekend = ((events["timestamp"] // 86_400 + 3) % 7) >= 5
    found = {
        "visitors": float(len(per_user)),
        "events": float(len(events)),
        **_quantiles("events per visitor", per_user, (0.25, 0.5, 0.75, 0.9, 0.99)),
        **_quantiles("visits per visitor", visits, (0.5, 0.9, 0.99)),
        **_quantiles("events per visit", per_visit, (0.5, 0.9, 0.99)),
        **{f"share of {kind}, %": 100 * float(kinds[kind]) for kind in KINDS},
        "viewed items put into the cart, %": 100 * float(carted[viewed].mean()),
        "items in the cart bought, %": 100 * float(bought[carted].mean()),
        "bought items that were in the cart, %": 100 * float(carted[bought].mean()),
        "days from first to last event, median": float(days.median()),
        "days from first to last event, 75 %": float(days.quantile(0.75)),
    }
    for kind in KINDS:
        counts = events.loc[events["event"] == kind, "item"].value_counts().to_numpy()
        found[f"Gini of items by {kind}"] = gini(counts)
        found[f"share of the top 1 % of items by {kind}, %"] = (
            100 * float(counts[: max(1, len(counts) // 100)].sum()) / float(counts.sum())
        )
    for first in range(0, 24, 4):
        share = hours.between(first, first + 3).mean()
        found[f"events from {first:02d} to {first + 4:02d} UTC, %"] = 100 * float(share)
    found["events on Saturday and Sunday, %"] = 100 * float(weekend.mean())
    return found


def gini(counts: NDArray[np.integer[Any]]) -> float:
    """0: all items have the same number of events; near 1: few items have all."""
    ordered = np.sort(counts).astype(np.float64)
    ranks = 2 * np.arange(1, len(ordered) + 1) - len(ordered) - 1
    return float(ranks @ ordered / (len(ordered) * ordered.sum()))


def repeated(sessions: Iterable[Sequence[str]]) -> float:
    """Percent of views, but each session's first, of an item that the session had before."""
    repeats = total = 0
    for session in sessions:
        total += len(session) - 1
        repeats += len(session) - len(set(session))
    return 100 * repeats / total


def real_sessions(path: Path) -> list[list[str]]:
    """train.txt.gz of retailrocket-sessions."""
    with gzip.open(path, "rt") as file:
        return [line.split() for line in file]


def repeated_targets(path: Path) -> float:
    """The same of test.txt.gz, which has prefixes and what came next."""
    with gzip.open(path, "rt") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return 100 * sum(target in before.split() for before, target in rows) / len(rows)


def generated_sessions(events: pd.DataFrame, least: int = 3) -> list[list[str]]:
    """Views of each visit, of at least 3, as those of retailrocket-sessions are."""
    views = events[events["event"] == "view"].sort_values("timestamp", kind="stable")
    found = views.groupby("session", sort=False)["item"].agg(list)
    return [session for session in found if len(session) >= least]


def _quantiles(name: str, values: "pd.Series[int]", which: Sequence[float]) -> dict[str, float]:
    found = {f"{name}, mean": float(values.mean())}
    for share in which:
        label = "median" if share == 0.5 else f"{share:.0%}".replace("%", " %")
        found[f"{name}, {label}"] = float(values.quantile(share))
    return found
