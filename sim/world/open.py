"""Opens the world that a config names."""

from sim.config import SimConfig
from sim.errors import InputError
from sim.world.files import load_world
from sim.world.model import World


def open_world(config: SimConfig) -> World:
    """The world that a config names; raises InputError that names file and line."""
    tracks, users = config.track_catalog_config, config.user_catalog_config
    paths = tracks.track_meta_path, tracks.track_embeddings_path, users.user_catalog_path
    for path in paths:
        if not path.is_absolute() and not path.exists():
            raise InputError(
                f"{path}: no such file, neither from the working directory nor beside the config: "
                f"`make demo` or `botify-sim world` makes one"
            )
    return load_world(*paths, users)
