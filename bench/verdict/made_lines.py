"""Lines of an A/A test, as the service logs them: listeners with tastes, nothing between arms."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

EXPERIMENT, OTHER = "MADE", "ABOVE"
START_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
DAYS, _HOURS = 14, 3
Line = dict[str, Any]


def lines_of(
    rng: np.random.Generator,
    users: int,
    lift: float = 1.0,
    second: float = 0.5,
    first_user: int = 0,
    world: str = "1",
    other: bool = False,
) -> list[Line]:
    """In the order of time. Shares heard are `lift` times as large, whatever the arm.

    `second` is the chance of T1. Where `other`, an experiment above this one has two arms too.
    """
    found: list[Line] = []
    for user in range(first_user, first_user + users):
        arms = {OTHER: "T1" if rng.random() < 0.5 else "C"} if other else {}
        arms[EXPERIMENT] = "T1" if rng.random() < second else "C"
        taste = float(min(lift * rng.beta(2, 4), 0.95))
        count = rng.poisson(2) + 1
        # Two sessions of a user never overlap: each has hours of its own.
        hours = _HOURS * np.sort(rng.choice(24 * DAYS // _HOURS, count, replace=False))
        for number, hour in enumerate(hours):
            clock = START_MS + int(hour) * HOUR_MS + int(rng.integers(HOUR_MS // 2))
            found += _session(rng, clock, user, f"{user}-{number}", taste, arms)
    for line in found:
        line |= {"world_version": world, "run": "1"}
        answer(line, line["experiments"])
    return sorted(found, key=lambda line: line["timestamp"])


def _session(
    rng: np.random.Generator, clock: int, user: int, name: str, taste: float, arms: dict[str, str]
) -> list[Line]:
    length = int(rng.geometric(0.25 + 0.3 * (1 - taste)))
    tracks = rng.integers(1000, size=length + 1).tolist()
    times = [1.0, *np.round(rng.beta(4 * taste, 4 - 4 * taste, length), 2).tolist()]
    latencies = rng.lognormal(-6.5, 0.4, length + 1).tolist()
    gaps = rng.integers(1_000, 180_000, length + 1).cumsum().tolist()
    found = []
    for place, track in enumerate(tracks):
        line: Line = {
            "message": "next" if place < length else "last",
            "timestamp": clock + gaps[place],
            "user": user,
            "track": track,
            "time": times[place],
            "latency": latencies[place],
            "recommendation": tracks[place + 1] if place < length else None,
            "experiments": arms,
            "session": name,
        }
        found.append(line)
    return found


def answer(line: Line, arms: dict[str, str]) -> None:
    """Have a line answered by the treatment of these arms."""
    line["experiments"] = arms
    line["recommender"] = {"C": "contextual", "T1": "dae"}[arms[EXPERIMENT]]
    if line["message"] == "next":
        line["model_version"] = f"{line['recommender']}-1"


def without(lines: Iterable[Line], *fields: str) -> list[Line]:
    """The lines of a service that does not log these fields."""
    return [{name: value for name, value in line.items() if name not in fields} for line in lines]


def write_log(folder: Path, lines: Iterable[Line | str], name: str = "data.json") -> Path:
    """Write lines, and texts that are none, one after the other."""
    path = folder / name
    with path.open("w") as file:
        for line in lines:
            file.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
    return path
