"""Symmetric trees as plain arrays."""

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Trees(NamedTuple):
    """Each level of a tree asks one question, so that a row's answers are the bits of its leaf.

    The score of a row is `scale` times the sum of its leaves plus `bias`; its leaf in a tree is
    the sum over levels d of 2^d where `row[split_features[t, d]] > split_borders[t, d]`.
    NaN is greater than no border.
    """

    split_features: NDArray[np.int32]
    """(trees, depth)."""
    split_borders: NDArray[np.float32]
    """(trees, depth); infinite at a level that a shallower tree lacks."""
    leaves: NDArray[np.float64]
    """(trees, 2^depth)."""
    scale: float
    bias: float

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of rows (n, features): a plain computation to check others against."""
        bits = values[:, self.split_features] > self.split_borders
        places = bits @ (1 << np.arange(self.split_features.shape[1]))
        sums = self.leaves[np.arange(len(self.leaves)), places].sum(axis=1)
        found: NDArray[np.float64] = sums * self.scale + self.bias
        return found


def trees_of(model: Any) -> Trees:
    """The trees of a CatBoost model of numeric features. Raises ValueError for other models.

    The format: CatBoost documentation, "Exporting and applying models", JSON.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.json"
        model.save_model(str(path), format="json")
        saved = json.loads(path.read_text(encoding="utf-8"))
    if "oblivious_trees" not in saved or saved["features_info"].get("categorical_features"):
        raise ValueError("not a model of symmetric trees of numeric features")
    floats = saved["features_info"]["float_features"]
    for one in floats:
        if one["has_nans"] and one["nan_value_treatment"] != "AsFalse":
            raise ValueError(f"feature {one['flat_feature_index']}: NaN is not the least value")
    columns = [one["flat_feature_index"] for one in floats]
    trees = saved["oblivious_trees"]
    depth = max([len(tree["splits"] or ()) for tree in trees] + [1])
    features = np.zeros((len(trees), depth), dtype=np.int32)
    borders = np.full((len(trees), depth), np.inf, dtype=np.float32)
    leaves = np.zeros((len(trees), 2**depth))
    for number, tree in enumerate(trees):
        for level, split in enumerate(tree["splits"] or ()):
            if split["split_type"] != "FloatFeature":
                raise ValueError(f"a split of type {split['split_type']}")
            features[number, level] = columns[split["float_feature_index"]]
            borders[number, level] = split["border"]
        values = tree["leaf_values"]
        leaves[number, : len(values)] = values
    scale, bias = saved["scale_and_bias"]
    return Trees(features, borders, leaves, float(scale), float(np.ravel(bias)[0]))
