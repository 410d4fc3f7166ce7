"""config/botify.yml as a typed model: what may be set, and what is refused."""

from botify.config.experiment import ExperimentConfig
from botify.config.load import load_config
from botify.config.recommender_types import (
    MOST_EXCLUDED,
    ContextualConfig,
    IndexedConfig,
    RandomConfig,
    RecommenderConfig,
    SessionConfig,
    SimilarConfig,
    StickyArtistConfig,
    TopPopConfig,
)
from botify.config.schema import TOP_TRACKS, Config, ListFile, LogConfig

__all__ = [
    "MOST_EXCLUDED",
    "TOP_TRACKS",
    "Config",
    "ContextualConfig",
    "ExperimentConfig",
    "IndexedConfig",
    "ListFile",
    "LogConfig",
    "RandomConfig",
    "RecommenderConfig",
    "SessionConfig",
    "SimilarConfig",
    "StickyArtistConfig",
    "TopPopConfig",
    "load_config",
]
