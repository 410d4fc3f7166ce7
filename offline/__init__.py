"""Learn from listening logs: interactions, models, lists, evaluation.

The names below are the public surface; everything else in this package may change without notice.
Experiments have theirs in `offline.experiment`. Each name is imported when it is first used, so
that nothing waits for torch without need.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contract.files import RECOMMENDATIONS
    from offline.data.catalog import catalog_size
    from offline.data.collect import collect
    from offline.data.interactions import Interactions, Plays
    from offline.data.matrix import InteractionMatrix
    from offline.data.splits import held_out
    from offline.data.training_set import TrainingSet
    from offline.errors import InputError
    from offline.evaluation.trained_model import evaluate
    from offline.importing.import_data import import_data
    from offline.importing.source import Columns
    from offline.lists.export import export_lists
    from offline.lists.neighbours import cosine_neighbours
    from offline.logs.bad_lines import list_bad_lines
    from offline.logs.files import find_log_files
    from offline.logs.reader import open_logs
    from offline.models.base import Recommender
    from offline.models.dae.network import DAE
    from offline.models.dae.recommender import DAERecommender
    from offline.models.dae.training import Hooks, K, fit, top_lists
    from offline.models.registry import load_model, make_model
    from offline.options import TrainOptions, load_options

_MODULES = {
    "Columns": "offline.importing.source",
    "DAE": "offline.models.dae.network",
    "DAERecommender": "offline.models.dae.recommender",
    "Hooks": "offline.models.dae.training",
    "InputError": "offline.errors",
    "InteractionMatrix": "offline.data.matrix",
    "Interactions": "offline.data.interactions",
    "K": "offline.models.dae.training",
    "Plays": "offline.data.interactions",
    "RECOMMENDATIONS": "contract.files",
    "Recommender": "offline.models.base",
    "TrainOptions": "offline.options",
    "TrainingSet": "offline.data.training_set",
    "catalog_size": "offline.data.catalog",
    "collect": "offline.data.collect",
    "cosine_neighbours": "offline.lists.neighbours",
    "evaluate": "offline.evaluation.trained_model",
    "export_lists": "offline.lists.export",
    "find_log_files": "offline.logs.files",
    "fit": "offline.models.dae.training",
    "held_out": "offline.data.splits",
    "import_data": "offline.importing.import_data",
    "list_bad_lines": "offline.logs.bad_lines",
    "load_model": "offline.models.registry",
    "load_options": "offline.options",
    "make_model": "offline.models.registry",
    "open_logs": "offline.logs.reader",
    "top_lists": "offline.models.dae.training",
}
"""Where each name is defined."""

__all__ = [  # noqa: RUF022  # as in _MODULES
    "Columns",
    "DAE",
    "DAERecommender",
    "Hooks",
    "InputError",
    "InteractionMatrix",
    "Interactions",
    "K",
    "Plays",
    "RECOMMENDATIONS",
    "Recommender",
    "TrainOptions",
    "TrainingSet",
    "catalog_size",
    "collect",
    "cosine_neighbours",
    "evaluate",
    "export_lists",
    "find_log_files",
    "fit",
    "held_out",
    "import_data",
    "list_bad_lines",
    "load_model",
    "load_options",
    "make_model",
    "open_logs",
    "top_lists",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
