"""The world: a catalog, embeddings that decide what is liked, and the listeners."""

from sim.world.model import Catalog, Users, World

__all__ = ["Catalog", "Users", "World"]
