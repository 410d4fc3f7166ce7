"""Models by name, each with its defaults; what a model needs is imported when it is made."""

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
    """A model that is yet to be fitted. `progress` shows a bar while it learns, if it has one.

    Raises InputError for a name that is not in `NAMES`.
    """
    if name not in _MODELS:
        raise InputError(f"no model {name!r}: the models are {', '.join(NAMES)}")
    module, class_name, takes = _MODELS[name]
    found = getattr(importlib.import_module(f"offline.models.{module}"), class_name)
    offered = {"seed": seed, "progress": progress}
    model: Recommender = found(**{option: offered[option] for option in takes})
    return model
