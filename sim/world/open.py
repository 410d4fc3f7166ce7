"""Opens the world that a config names."""

from sim.config import SimConfig
from sim.world.files import load_world
from sim.world.model import World


def open_world(config: SimConfig) -> World:
    """The world that a config names; raises InputError that names file and line."""
    tracks, users = config.track_catalog_config, config.user_catalog_config
    return load_world(
        tracks.track_meta_path, tracks.track_embeddings_path, users.user_catalog_path, users
    )
