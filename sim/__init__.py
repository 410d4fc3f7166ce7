"""Simulated listeners: worlds, the session engine, recommenders in process, and a driver.

The names below are the public interface, for notebooks and scripts; importing
`sim.gym` registers the Gymnasium environment. Everything else in this package
may change without notice.

Examples
--------
>>> from sim import GeneratorOptions, Streams, create_agent, generate, play
>>> world, _ = generate(GeneratorOptions(n_users=50, n_tracks=400), seed=1)
>>> for name in ("random", "oracle"):
...     agent = create_agent(name, world, Streams(1))
...     print(name, play(world, agent, seed=1, episodes=range(100)).sessions)
random 100
oracle 100
"""

from sim.agent import Agent, Answer, Turn
from sim.agents.offered import OfferedAgent
from sim.agents.registry import create_agent
from sim.agents.session_agent import Choice, SessionAgent, SessionTurn
from sim.config import SimConfig, load_config
from sim.engine.play import play
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote import DriveResult, ServiceOptions, drive
from sim.rng import Streams
from sim.world import Catalog, Users, World
from sim.world.files import open_world
from sim.worldgen.calibrate import Calibration, calibrate
from sim.worldgen.generated import GeneratorOptions, generate

__all__ = [
    "Agent",
    "Answer",
    "Calibration",
    "Catalog",
    "Choice",
    "DriveResult",
    "GeneratorOptions",
    "InputError",
    "OfferedAgent",
    "ServiceOptions",
    "SessionAgent",
    "SessionTurn",
    "SimConfig",
    "Streams",
    "Summary",
    "Turn",
    "Users",
    "World",
    "calibrate",
    "create_agent",
    "drive",
    "generate",
    "load_config",
    "open_world",
    "play",
]
