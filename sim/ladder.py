"""`botify-sim ladder`: every recommender on the same listeners, from Random to the oracle."""

import json
from pathlib import Path

import click

from sim.agents.base import Agent
from sim.agents.lists import read_neighbours, read_recommendations, read_top_tracks
from sim.agents.oracle import Oracle
from sim.agents.policies import Contextual, Indexed, Random, StickyArtist, TopPop
from sim.config import load_config
from sim.engine import play
from sim.errors import InputError
from sim.options import CONFIG, SEED
from sim.run import open_world
from sim.streams import Streams
from sim.summary import Summary

_Z95 = 1.96


@click.command()
@CONFIG
@click.option(
    "--lists",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/demo/lists"),
    show_default=True,
    help="Folder with recommendations.json, neighbours.json and top_tracks.json.",
)
@click.option("--episodes", default=20_000, show_default=True, help="Sessions per recommender.")
@SEED
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write it there."
)
def ladder(
    config_path: Path, lists: Path, episodes: int, seed: int, json_path: Path | None
) -> None:
    """Play every recommender in process and print its share of the way to the oracle.

    Mean session time includes the first play. Intervals are 95 %, sessions
    taken as independent. Random is 0 % of the way, the oracle 100 %.
    """
    if episodes < 1:
        raise InputError(f"--episodes {episodes}: there must be 1 or more to play")
    if json_path is not None and not json_path.parent.is_dir():
        raise InputError(f"--json {json_path}: {json_path.parent} is no directory")
    world = open_world(load_config(config_path))
    streams = Streams(seed)
    top = read_top_tracks(lists / "top_tracks.json", world)
    agents: dict[str, Agent] = {
        "Random": Random(streams),
        "TopPop": TopPop(streams, top),
        "StickyArtist": StickyArtist(streams),
        "Contextual": Contextual(streams, read_neighbours(lists / "neighbours.json", world)),
        "DAE": Indexed(streams, read_recommendations(lists / "recommendations.json", world), top),
        "Oracle": Oracle(),
    }
    found: dict[str, Summary] = {}
    for name, agent in agents.items():
        found[name] = play(world, agent, seed=seed, episodes=range(episodes))
        click.echo(f"played {name}", err=True)
    floor = found["Random"].mean_session_time
    span = found["Oracle"].mean_session_time - floor
    click.echo(f"{'recommender':<14}{'session time':>20}{'tracks':>18}{'of the way':>12}")
    rows = []
    for name, summary in found.items():
        share = (summary.mean_session_time - floor) / span if span > 0 else 0.0
        time_error, step_error = _Z95 * summary.reward_error, _Z95 * summary.steps_error
        click.echo(
            f"{name:<14}{summary.mean_session_time:>11.3f} ± {time_error:<6.3f}"
            f"{summary.mean_steps + 1:>10.2f} ± {step_error:<5.2f}{share:>12.1%}"
        )
        rows.append(
            {
                "recommender": name,
                "sessions": summary.sessions,
                "mean_session_time": summary.mean_session_time,
                "mean_session_time_95": time_error,
                "mean_session_length": summary.mean_steps + 1,
                "mean_session_length_95": step_error,
                "share_of_the_way": share,
            }
        )
    if json_path is not None:
        json_path.write_text(json.dumps(rows, indent=2) + "\n")
