"""A trained ranker as the files that the service reads, and that people look at."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save

from offline.atomic import write_atomic
from offline.checksums import BLANK, KEY, sealed
from offline.errors import InputError
from offline.ranker.trees import Trees

FORMAT = "botify-ranker-1"
FILE = "ranker.safetensors"
ABOUT = "ranker.json"
FIGURES = ("importance.svg", "importance.png")


def save_ranker(
    directory: Path, trees: Trees, names: Sequence[str], fingerprint: str, about: Mapping[str, Any]
) -> None:
    """Write FILE, which has all that the service needs, and ABOUT, with `about` besides.

    Raises InputError where they cannot be written.
    """
    arrays = {
        "split_features": trees.split_features,
        "split_borders": trees.split_borders,
        "leaves": trees.leaves,
    }
    metadata = {
        "format": FORMAT,
        "features": json.dumps(list(names)),
        "fingerprint": fingerprint,
        "scale": repr(trees.scale),
        "bias": repr(trees.bias),
        KEY: BLANK,
    }
    text = {"format": FORMAT, "fingerprint": fingerprint, "features": list(names), **about}
    try:
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_atomic(directory / FILE, sealed(save(whole, metadata)))
        write_atomic(directory / ABOUT, (json.dumps(text, indent=1) + "\n").encode())
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write the ranker to {directory}: {error}") from error


def draw_importance(directory: Path, names: Sequence[str], importance: Any) -> None:
    """Bars of the features that change the score most, as SVG and PNG."""
    from matplotlib.figure import Figure

    order = np.argsort(-np.asarray(importance), kind="stable")[:20][::-1]
    figure = Figure(figsize=(7, 0.5 + 0.28 * len(order)), layout="constrained")
    axes = figure.subplots()
    axes.barh([names[place] for place in order], [importance[place] for place in order])
    axes.set_xlabel("share of the changes of the score, %")
    axes.set_title("Features by importance")
    axes.spines[["top", "right"]].set_visible(False)
    for name in FIGURES:
        figure.savefig(directory / name, dpi=120, metadata={"Date": None} if "svg" in name else {})
