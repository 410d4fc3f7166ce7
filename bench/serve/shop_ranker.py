"""CPU per answer of a shop's ranker: features and scores of 200 candidates.

    python -m bench.serve.shop_ranker RANKER_DIRECTORY

Prints the median and the 99th percentile of 1,000 rounds, in ms of CPU of this process.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from botify.shop.features.counts import Sums, weight
from botify.shop.features.facts import Candidate, Facts, ItemFacts
from botify.shop.features.names import feature_set
from botify.shop.features.values import feature_values
from botify.shop.ranker import Ranker

CANDIDATES = 200
EVENTS = 50
ROUNDS = 1000
MOST_TREES = 500
DEPTH = 6
NOW = 1_780_000_000_000


def main(directory: Path) -> None:
    """Measure the ranker in a directory of `train-ranker`."""
    about = json.loads((directory / "ranker.json").read_text())
    features = feature_set(about["features"])
    assert features is not None
    ranker = Ranker.read(directory / "ranker.safetensors", features.sources)
    rng = np.random.default_rng(1)
    items = [f"item-{number}" for number in range(CANDIDATES)]
    sums = [Sums(*(rng.exponential(5, 3) * weight(NOW)).tolist()) for _ in items]
    facts = Facts(
        {
            item: ItemFacts(f"s{number % 20}", 1.0 + number, sums[number], NOW - number * 10**7)
            for number, item in enumerate(items)
        },
        {f"s{number}": sums[number] for number in range(20)},
        sums[0],
    )
    recent = [
        (items[int(rng.integers(CANDIDATES))], "view", NOW - number * 60_000)
        for number in range(EVENTS)
    ]
    some = [
        Candidate(item, dict.fromkeys(features.sources[: 1 + number % 3], (number, None)))
        for number, item in enumerate(items)
    ]
    values = feature_values(features, some, recent, facts, NOW)
    shape = (MOST_TREES, DEPTH)
    largest = Ranker(
        features,
        rng.integers(len(features.names), size=shape).astype(np.int32),
        rng.normal(size=shape).astype(np.float32),
        rng.normal(size=(MOST_TREES, 2**DEPTH)),
        1.0,
        0.0,
    )
    steps: dict[str, Callable[[], object]] = {
        "features": lambda: feature_values(features, some, recent, facts, NOW),
        "scores": lambda: ranker.scores(values),
        "scores by 500 random trees": lambda: largest.scores(values),
    }
    print(f"{about['trees']} trees, {len(features.names)} features, {CANDIDATES} candidates")
    for name, step in steps.items():
        taken = []
        for _ in range(ROUNDS):
            began = time.process_time_ns()
            step()
            taken.append((time.process_time_ns() - began) / 1e6)
        median, p99 = np.percentile(taken, [50, 99])
        print(f"{name}: median {median:.3f} ms, p99 {p99:.3f} ms of CPU")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
