"""config/botify.yml as a typed model: the settings, their checks and messages."""

from botify.config.experiment import ExperimentConfig
from botify.config.load import load_config
from botify.config.recommender_types import MAX_EXCLUDED
from botify.config.schema import TOP_TRACKS, Config, ListFile, LogConfig

__all__ = [
    "MAX_EXCLUDED",
    "TOP_TRACKS",
    "Config",
    "ExperimentConfig",
    "ListFile",
    "LogConfig",
    "load_config",
]
