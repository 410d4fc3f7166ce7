"""The world: a catalog, the truth about taste, and the people who live by it."""

from sim.world.model import Catalog, Users, World

__all__ = ["Catalog", "Users", "World"]
