"""Plays listeners against a recommender: `python sim/run.py --recommender remote ...`."""

import sys
from contextlib import ExitStack
from pathlib import Path

if not __package__:
    # Run as a script: the folder of this file must not be where modules are
    # looked for, or its own names would hide other packages'.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import click
from tqdm import tqdm

from sim.agents.base import Agent
from sim.agents.console import Console
from sim.agents.oracle import Oracle
from sim.agents.policies import Random
from sim.agents.remote import Remote
from sim.clock import Clock
from sim.config import SimConfig, load_config
from sim.engine import play
from sim.errors import InputError
from sim.events import Recorder
from sim.log import JsonLog
from sim.options import CONFIG, SEED
from sim.streams import Streams
from sim.world import World
from sim.world.files import load_world

# 2026-01-01 00:00 UTC: simulated time is fixed, so that a seed gives one log.
_CLOCK_START_MS = 1_767_225_600_000
_BATCH = 512


def open_world(config: SimConfig) -> World:
    """The world that a config names."""
    tracks, users = config.track_catalog_config, config.user_catalog_config
    return load_world(
        tracks.track_meta_path, tracks.track_embeddings_path, users.user_catalog_path, users
    )


@click.command()
@click.argument("mode", required=False, type=click.Choice(["single", "multi"]))
@click.option("--episodes", default=1_000, show_default=True, help="How many sessions to play.")
@click.option(
    "--recommender",
    type=click.Choice(["remote", "random", "console", "oracle"]),
    default="remote",
    show_default=True,
    help="Who answers: the service, chance, you, or an agent that knows the truth.",
)
@CONFIG
@SEED
@click.option("--processes", type=click.IntRange(min=1), help="With multi: sessions at a time.")
@click.option("--port", type=click.IntRange(1, 65535), help="The service's port, over the config.")
@click.option(
    "--log",
    "log_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the events as data.json there, as the service would (not for remote).",
)
@click.option("--days", default=30.0, show_default=True, help="Simulated days the log covers.")
def run(
    mode: str | None,
    episodes: int,
    recommender: str,
    config_path: Path,
    seed: int,
    processes: int | None,
    port: int | None,
    log_dir: Path | None,
    days: float,
) -> None:
    """Play listeners against a recommender and print the mean reward.

    The reward of a session is the sum of the shares of the recommended tracks
    that were heard. `single` plays one session at a time, `multi` as many as
    --processes says; with neither, as many as suits. The outcome of a session
    depends on seed and answers alone, not on how many are played at once.
    """
    if episodes < 1:
        raise InputError(f"--episodes {episodes}: there must be 1 or more to play")
    if not days > 0:
        raise InputError(f"--days {days}: it must be more than 0")
    if processes is not None and mode != "multi":
        raise InputError("--processes goes with multi: `multi --processes 4`")
    if log_dir is not None and recommender == "remote":
        raise InputError("--log: the service writes the log of a remote run, see its log_dir")
    config = load_config(config_path)
    world = open_world(config)
    with ExitStack() as stack:
        at_once = {"single": 1, "multi": processes or 4, None: None}[mode]
        agent: Agent
        if recommender == "remote":
            remote = config.remote_recommender_config
            at_once = at_once or remote.connections
            agent = Remote(remote.host, port or remote.port, at_once, remote.timeout_seconds)
            stack.callback(agent.close)
        elif recommender == "console":
            at_once, agent = 1, Console()
        else:
            agent = Random(Streams(seed)) if recommender == "random" else Oracle()
        recorder = None
        if log_dir is not None:
            clock = Clock(_CLOCK_START_MS, days, episodes, world.users.ids)
            recorder = Recorder(stack.enter_context(JsonLog(log_dir, agent.name, clock)).write)
        bar = stack.enter_context(
            # On a terminal only: None lets tqdm ask.
            tqdm(total=episodes, unit=" sessions", disable=recommender == "console" or None)
        )
        summary = play(
            world,
            agent,
            seed=seed,
            episodes=range(episodes),
            batch=at_once or _BATCH,
            recorder=recorder,
            progress=lambda ended: bar.update(len(ended.episodes)),
        )
        if recorder is not None:
            recorder.flush()
    click.echo(f"{recommender}: {summary}")


if __name__ == "__main__":
    from sim.cli import standalone

    standalone(run)
