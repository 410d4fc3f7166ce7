"""config/botify.yml as a typed model: the settings, their checks and messages."""

from botify.config.experiment import ExperimentConfig
from botify.config.load import load_config
from botify.config.recommender_types import (
    MAX_EXCLUDED,
    RECOMMENDERS,
    ListName,
    ModelName,
    NeighboursName,
    RecommenderConfig,
)
from botify.config.schema import Config, ListFile, LogConfig
from botify.config.settings import Settings
from contract.chains import TOP_TRACKS

__all__ = [
    "MAX_EXCLUDED",
    "RECOMMENDERS",
    "TOP_TRACKS",
    "Config",
    "ExperimentConfig",
    "ListFile",
    "ListName",
    "LogConfig",
    "ModelName",
    "NeighboursName",
    "RecommenderConfig",
    "Settings",
    "load_config",
]
