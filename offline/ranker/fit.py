"""Training with CatBoost."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.errors import InputError
from offline.ranker.dataset import Part, Parts
from offline.ranker.options import RankerOptions
from offline.ranker.trees import Trees, trees_of

AGREEMENT = 1e-6
"""At most so far apart are the scores of CatBoost and of the arrays."""
_CHECKED = 10_000


class Fitted(NamedTuple):
    """A trained ranker."""

    trees: Trees
    importance: NDArray[np.float64]
    """(features,): the share, in percent, of the changes of the score that a feature makes."""
    difference: float
    """The largest between scores by CatBoost and by the arrays."""


def fit(
    parts: Parts,
    names: tuple[str, ...],
    options: RankerOptions,
    progress: Callable[[int], None] | None = None,
) -> Fitted:
    """Train on the first part until the second gets no better. `progress` is called after each
    tree with their number. Raises InputError where CatBoost is not installed."""
    try:
        from catboost import CatBoost, CatBoostError, Pool
    except ImportError as error:
        raise InputError("training a ranker needs CatBoost: pip install 'botify[shop]'") from error
    rng = np.random.default_rng(options.seed)

    def pool(part: Part) -> Any:
        kept = thinned(part, options.negatives, rng)
        group = part.groups[kept]
        return Pool(part.values[kept], part.labels[kept], group_id=group, feature_names=[*names])

    model = CatBoost(
        {
            "loss_function": options.loss,
            "iterations": options.trees,
            "depth": options.depth,
            "learning_rate": options.learning_rate,
            "l2_leaf_reg": options.l2,
            "random_seed": options.seed,
            "grow_policy": "SymmetricTree",
            "border_count": 64,
            "nan_mode": "Min",
            "thread_count": 1,  # so that the result does not depend on the machine
            "use_best_model": True,
            "od_type": "Iter",
            "od_wait": options.patience,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
    )
    train, validation = pool(parts.train), pool(parts.validation)
    try:
        callbacks = None if progress is None else [_Told(progress)]
        model.fit(train, eval_set=validation, callbacks=callbacks)
    except CatBoostError as error:
        raise InputError(f"CatBoost: {' '.join(str(error).split())}") from error
    trees = trees_of(model)
    some = parts.validation.values[:_CHECKED]
    difference = float(np.abs(model.predict(some) - trees.scores(some)).max())
    if difference > AGREEMENT:
        raise InputError(f"the arrays score otherwise than CatBoost, by {difference:.2g}")
    importance = model.get_feature_importance(train, type="PredictionValuesChange")
    return Fitted(trees, np.asarray(importance, dtype=np.float64), difference)


def thinned(part: Part, negatives: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of all targets, and of so many others of each group at most, in order."""
    order = rng.random(len(part.labels))
    order[part.labels > 0] = -1
    rows = np.lexsort([order, part.groups])
    place = np.arange(len(rows)) - np.repeat(part.starts[:-1], np.diff(part.starts))
    targets = np.add.reduceat((part.labels > 0).astype(np.int64), part.starts[:-1])
    most = np.repeat(targets + negatives, np.diff(part.starts))
    kept: NDArray[np.int64] = np.sort(rows[place < most])
    return kept


class _Told:
    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress

    def after_iteration(self, info: Any) -> bool:
        """CatBoost's callback; whether to go on."""
        self._progress(info.iteration)
        return True
