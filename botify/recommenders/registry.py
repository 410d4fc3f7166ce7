"""Recommenders by the config."""

from dataclasses import replace
from functools import partial

from botify.config import RECOMMENDERS, Config, made_of
from botify.recommenders.base import Recommender, Resources


def build_recommenders(config: Config, resources: Resources) -> dict[str, Recommender]:
    """One recommender per entry of the config, by name.

    Raises InputError if the settings of one cannot be right with these resources, such as an
    excluded track that does not exist, or if the code of a plug-in fails.
    """
    resources = replace(resources, owners=config.list_owners)
    made: dict[str, Recommender] = {}
    for name, entry in config.recommenders.items():
        make = partial(RECOMMENDERS.get(entry.type).from_config, name, entry, resources)
        made[name] = made_of(entry, name, make)
    return made
