"""Recommenders by the config."""

from dataclasses import replace

from botify.config import RECOMMENDERS, Config
from botify.recommenders.base import Recommender, Resources


def build_recommenders(config: Config, resources: Resources) -> dict[str, Recommender]:
    """One recommender per entry of the config, by name.

    Raises InputError if the settings of one cannot be right with these resources, such as an
    excluded track that does not exist.
    """
    resources = replace(resources, owners=config.list_owners)
    return {
        name: RECOMMENDERS.get(entry.type).from_config(name, entry, resources)
        for name, entry in config.recommenders.items()
    }
