"""Public data sets, read from the files their authors publish. None comes with the program."""

from collections.abc import Callable
from pathlib import Path

from offline.datasets.dataset import Dataset
from offline.datasets.lastfm import load_lastfm_2k
from offline.datasets.lightgcn import load_lightgcn
from offline.datasets.movielens import load_ml_1m

FORMATS: dict[str, Callable[[Path], Dataset]] = {
    "lightgcn": load_lightgcn,
    "ml-1m": load_ml_1m,
    "lastfm-2k": load_lastfm_2k,
}
"""Loaders by the name of their format."""
