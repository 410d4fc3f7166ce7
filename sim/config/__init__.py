"""config/env.yml: what it may say, what other editions call it, and where its paths lead."""

from sim.config.env_yml import (
    DaysConfig,
    RemoteRecommenderConfig,
    SimConfig,
    TrackCatalogConfig,
    UserCatalogConfig,
    load_config,
)

__all__ = [
    "DaysConfig",
    "RemoteRecommenderConfig",
    "SimConfig",
    "TrackCatalogConfig",
    "UserCatalogConfig",
    "load_config",
]
