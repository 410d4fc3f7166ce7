"""Models by name, each with its defaults; a model's libraries are imported when it is made."""

import importlib
from typing import NamedTuple

from offline.errors import InputError
from offline.models.base import Recommender


class _Entry(NamedTuple):
    module: str
    name: str
    takes: tuple[str, ...]
    """Which of `seed` and `progress` it has use for."""


_MODELS = {
    "popular": _Entry("popular", "Popular", ()),
    "item-knn": _Entry("item_knn", "ItemKNN", ("progress",)),
    "bpr": _Entry("implicit_mf", "BPR", ("seed", "progress")),
    "als": _Entry("implicit_mf", "ALS", ("seed", "progress")),
    "ease": _Entry("ease", "EASE", ("progress",)),
    "pure-svd": _Entry("pure_svd", "PureSVD", ("seed",)),
    "mult-dae": _Entry("dae.recommender", "MultDAE", ("seed", "progress")),
    "linear-dae": _Entry("linear_dae.recommender", "LinearDAERecommender", ("seed", "progress")),
}
NAMES = tuple(_MODELS)


def make_model(name: str, seed: int, progress: bool = False) -> Recommender:
    """A model by name, not fitted yet.

    Parameters
    ----------
    name : str
        One of `popular`, `item-knn`, `bpr`, `als`, `ease`, `pure-svd`, `mult-dae`, `linear-dae`.
    seed : int
        Of what the model draws, if it draws anything.
    progress : bool, default False
        Whether to show a bar while it learns, for models that have one.

    Returns
    -------
    Recommender

    Raises
    ------
    InputError
        For an unknown name; lists the names.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import make_model
    >>> matrix = sparse.csr_matrix([[1, 1, 0], [0, 1, 1], [0, 1, 0]])
    >>> make_model("popular", seed=1).fit(matrix).recommend(np.array([2]), n=2)
    array([[0, 2]])
    """
    if name not in _MODELS:
        raise InputError(f"no model {name!r}: the models are {', '.join(NAMES)}")
    module, class_name, takes = _MODELS[name]
    found = getattr(importlib.import_module(f"offline.models.{module}"), class_name)
    offered = {"seed": seed, "progress": progress}
    model: Recommender = found(**{option: offered[option] for option in takes})
    return model
