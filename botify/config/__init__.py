"""config/botify.yml as a typed model: the settings, their checks and messages."""

from botify.config.experiment import ExperimentConfig
from botify.config.load import AnyConfig, load_config, load_service_config
from botify.config.ratings import RatingsConfig
from botify.config.recommender_types import (
    ITEM_RECOMMENDERS,
    RATING_RECOMMENDERS,
    RECOMMENDERS,
    ItemRecommenderConfig,
    ListName,
    ModelName,
    NeighboursName,
    RatingRecommenderConfig,
    RecommenderConfig,
    made_of,
    recommender_types_of,
)
from botify.config.schema import Config
from botify.config.service import FACES, ListFile, LogConfig, ServiceConfig
from botify.config.settings import Settings
from botify.config.shop import ITEM_LIST, POPULAR_LIST, EventsConfig, ShopConfig
from contract.chain_config import MAX_EXCLUDED
from contract.chains import TOP_TRACKS

__all__ = [
    "FACES",
    "ITEM_LIST",
    "ITEM_RECOMMENDERS",
    "MAX_EXCLUDED",
    "POPULAR_LIST",
    "RATING_RECOMMENDERS",
    "RECOMMENDERS",
    "TOP_TRACKS",
    "AnyConfig",
    "Config",
    "EventsConfig",
    "ExperimentConfig",
    "ItemRecommenderConfig",
    "ListFile",
    "ListName",
    "LogConfig",
    "ModelName",
    "NeighboursName",
    "RatingRecommenderConfig",
    "RatingsConfig",
    "RecommenderConfig",
    "ServiceConfig",
    "Settings",
    "ShopConfig",
    "load_config",
    "load_service_config",
    "made_of",
    "recommender_types_of",
]
