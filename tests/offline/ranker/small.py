"""Features made by hand, in which the target can be told from the rest."""

import json
from pathlib import Path

import numpy as np

NAMES = ["rank:near", "item_views", "item_carts", "item_purchases", "visitor_item_place", "price"]
GROUPS = 120
EACH = 8


def write_features(directory: Path, groups: int = GROUPS, late: int = 0) -> Path:
    """Targets have been seen, or are cheap. `late`: ms after a group that its labels depend on."""
    rng = np.random.default_rng(3)
    n = groups * EACH
    values = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    group = np.repeat(np.arange(groups), EACH)
    values[:, 0] = np.tile(np.arange(EACH), groups)
    values[:, 4] = np.where(rng.random(n) < 0.4, rng.integers(5, size=n), np.nan)
    values[rng.random(n) < 0.1, 5] = np.nan
    wanted = np.nan_to_num(-values[:, 5]) + 2.0 * ~np.isnan(values[:, 4]) + rng.normal(size=n)
    labels = np.zeros(n, dtype=np.uint8)
    labels[np.arange(groups) * EACH + wanted.reshape(groups, EACH).argmax(axis=1)] = 1
    times = 1_780_000_000_000 + group * 1000
    arrays = {
        "features": values,
        "labels": labels,
        "groups": group,
        "times": times,
        "until": times + late,
        "visitors": group % 17,
        "shown": np.zeros(n, dtype=np.uint8),
    }
    directory.mkdir()
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array)
    about = {"format": "botify-shop-features-1", "names": NAMES, "fingerprint": "f" * 16}
    text = json.dumps({**about, "groups": groups, "rows": n, "targets": ["addtocart"]})
    (directory / "features.json").write_text(text)
    return directory
