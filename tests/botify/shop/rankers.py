"""Rankers with trees at random: what tests of ranked answers share."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from botify.shop.features.names import FeatureSet
from botify.shop.ranker import FORMAT


def write_ranker(
    path: Path, sources: tuple[str, ...], seed: int = 1, column: str | None = None
) -> Path:
    """Of 20 trees; `column`: the feature that all of them ask about."""
    features, rng = FeatureSet(sources), np.random.default_rng(seed)
    splits = rng.integers(0, len(features.names), (20, 3), dtype=np.int32)
    if column is not None:
        splits[:] = features.names.index(column)
    leaves = rng.normal(size=(20, 8))
    about = {"features": json.dumps(features.names), "fingerprint": features.fingerprint}
    arrays = {
        "split_features": splits,
        "split_borders": rng.exponential(2, (20, 3)).astype(np.float32),
        "leaves": leaves if column is None else np.sort(leaves, axis=1)[:, ::-1].copy(),
    }
    save_file(arrays, path, {**about, "format": FORMAT, "scale": "1", "bias": "0"})
    return path
