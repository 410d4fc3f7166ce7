"""A ranker of candidates: symmetric trees, mapped from a file, read with numpy alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from botify.errors import InputError
from botify.session_model.mapped_arrays import check_size, read_arrays
from botify.shop.features.facts import Facts, Placed
from botify.shop.features.names import FeatureSet, difference, feature_set
from botify.shop.features.values import Recent, feature_values

FORMAT = "botify-ranker-1"
_MOST_TREES = 500
_MOST_DEPTH = 8


class Ranker:
    """The trees of a file that `botify-offline train-ranker` wrote."""

    def __init__(
        self,
        features: FeatureSet,
        split_features: NDArray[np.int32],
        split_borders: NDArray[np.float32],
        leaves: NDArray[np.float64],
        scale: float,
        bias: float,
        version: str = "",
    ) -> None:
        """`split_features`, `split_borders` (trees, depth); `leaves` (trees, 2^depth)."""
        self.features = features
        self.version = version
        self._scale = scale
        self._bias = bias
        self._leaves = leaves.reshape(-1)
        # Trees share questions: each is asked once.
        pairs = np.stack([split_features.ravel().astype(np.float64), split_borders.ravel()])
        asked, which = np.unique(pairs, axis=1, return_inverse=True)
        self._asked_of = asked[0].astype(np.intp)
        self._borders = asked[1].astype(np.float32)[:, None]
        self._which = np.ascontiguousarray(which.reshape(split_features.shape).T)
        self._first = (np.arange(len(leaves), dtype=np.int32) * leaves.shape[1])[:, None]

    @classmethod
    def read(
        cls,
        path: Path,
        sources: Sequence[str],
        shown_as: Path | None = None,
        version: str = "",
    ) -> Self:
        """Map the file; messages call it `shown_as`. `sources`: those that the service has.

        Raises InputError for a file that is damaged, or whose features are not those that this
        service computes: it names those that differ.
        """
        shown = shown_as or path
        check_size(path)
        arrays, metadata = read_arrays(path, shown)
        if metadata.get("format") != FORMAT:
            raise InputError(f"{shown}: not a ranker (format {metadata.get('format')!r})")
        try:
            names = [str(name) for name in json.loads(metadata["features"])]
            fingerprint = metadata["fingerprint"]
            scale, bias = float(metadata["scale"]), float(metadata["bias"])
            splits, borders, leaves = (
                arrays[name] for name in ("split_features", "split_borders", "leaves")
            )
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"{shown}: not a whole ranker ({error!r})") from error
        features = _checked(shown, names, fingerprint, sources)
        _check_trees(shown, splits, borders, leaves, len(names))
        return cls(features, splits, borders, leaves, scale, bias, version)

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of rows of values (n, features), larger is better; (n,)."""
        columns = np.ascontiguousarray(values.T)
        answers = (columns.take(self._asked_of, axis=0) > self._borders).view(np.uint8)
        places = answers.take(self._which[-1], axis=0)
        for which in self._which[-2::-1]:  # the bits of a leaf's number, the highest first
            places += places
            places += answers.take(which, axis=0)
        found = self._leaves.take(places + self._first).sum(axis=0)
        scores: NDArray[np.float64] = found * self._scale + self._bias
        return scores


class Ranked(NamedTuple):
    """Candidates in their order."""

    order: list[int]
    """Places among the candidates, best first."""
    scores: list[float]
    """Of the candidates in this order."""
    values: NDArray[np.float32]
    """Of the features, a row for each candidate as they came."""


def rank(
    ranker: Ranker, candidates: Sequence[Placed], recent: Recent, facts: Facts, now: int
) -> Ranked:
    """Order candidates by their scores; those of one score stay in their order.

    `recent`: the visitor's last events, newest first: item, kind, time in ms. `facts`: of the
    candidates and of the items in `recent`, as `read_facts` has them. `now` in ms.
    """
    values = feature_values(ranker.features, candidates, recent, facts, now)
    if not candidates:
        return Ranked([], [], values)
    scores = ranker.scores(values)
    order = np.argsort(-scores, kind="stable")
    return Ranked(order.tolist(), scores[order].tolist(), values)


def _checked(path: Path, names: list[str], fingerprint: str, sources: Sequence[str]) -> FeatureSet:
    """The set of these names. Raises InputError where the service has no such set."""
    unknown, _ = difference(names, sources)
    if unknown:
        raise InputError(
            f"{path}: the ranker has features that this service does not compute: "
            f"{', '.join(unknown)}; train it on features of the sources {', '.join(sources)}"
        )
    features = feature_set(names)
    if features is None:
        absent = set(FeatureSet(()).names) - set(names)
        what = f"lacks {', '.join(sorted(absent))}" if absent else "has them in another order"
        raise InputError(f"{path}: the ranker's features are not this service's: it {what}")
    if features.fingerprint != fingerprint:
        raise InputError(
            f"{path}: the ranker's features have the same names but were computed in another way "
            f"(fingerprint {fingerprint}, here {features.fingerprint}): train it again"
        )
    return features


def _check_trees(
    path: Path, splits: NDArray[Any], borders: NDArray[Any], leaves: NDArray[Any], n_features: int
) -> None:
    wrong = ""
    if splits.ndim != 2 or splits.shape != borders.shape or leaves.ndim != 2:
        wrong = "its arrays do not fit each other"
    elif leaves.shape != (len(splits), 2 ** splits.shape[1]):
        wrong = "its leaves do not fit its splits"
    elif not 1 <= len(splits) <= _MOST_TREES or not 1 <= splits.shape[1] <= _MOST_DEPTH:
        wrong = f"it has {len(splits)} trees of depth {splits.shape[1]}"
    elif splits.dtype.kind != "i" or splits.min() < 0 or splits.max() >= n_features:
        wrong = "it asks of features that it does not have"
    elif not np.isfinite(leaves).all() or np.isnan(borders).any():
        wrong = "it has values that are no numbers"
    if wrong:
        raise InputError(f"{path}: not a ranker: {wrong}")
