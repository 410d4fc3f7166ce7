"""Plays listeners against a recommender: `python sim/run.py --recommender remote ...`."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

if not __package__:
    # Run as a script: the folder of this file must not be where modules are
    # looked for, or its own names would hide other packages'.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import click
from tqdm import tqdm

from sim._click import CONFIG, FAMILY, SEED, standalone
from sim.agents import registry
from sim.config import SimConfig, load_config
from sim.engine.sessions import Ended
from sim.errors import InputError
from sim.jit import is_cold
from sim.logs.json_log import claim
from sim.logs.origin import origin_of
from sim.multi_day import Days, go_on
from sim.remote import INTERRUPTED, ServiceOptions
from sim.runners import InProcess, Logs, Outcome, Player, Remote
from sim.signals import sigterm_as_ctrl_c
from sim.world import World
from sim.world.files import open_world

# Days that a log covers where --days does not say.
_LOG_DAYS = 30
_EPISODES = 1_000
# What other editions call an agent.
_OTHER_NAMES = {"dummy": "random"}
_INTERRUPTED = 130


@click.command()
@click.argument("mode", required=False, type=click.Choice(["single", "multi"]))
@click.option(
    "--episodes",
    type=int,
    help="How many sessions to play, over all processes together.  [default: 1000]",
)
@click.option(
    "--episodes-per-process",
    type=click.IntRange(1, 2**63 - 1),
    help="Play so many times the number of processes: what --episodes of multi is elsewhere.",
)
@click.option(
    "--recommender",
    type=click.Choice(["remote", *registry.NAMES, *_OTHER_NAMES]),
    default="remote",
    show_default=True,
    help="Who answers: the service, or in process you, an agent that knows the truth, or one of "
    "the service's recommenders; dummy is random.",
)
@CONFIG
@FAMILY
@SEED
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="Split the sessions over so many; the outcome is the same. "
    "[default: 1; with multi: one a core]",
)
@click.option("--port", type=click.IntRange(1, 65535), help="The service's port, over the config.")
@click.option(
    "--lists",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with recommendations.json, neighbours.json, top_tracks.json, for policies.",
)
@click.option(
    "--log",
    "log_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the events there, as the service would (not for remote).",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "parquet"]),
    default="json",
    show_default=True,
    help="data.json, or data.parquet: a twentieth of the size.",
)
@click.option("--days", default=1, show_default=True, help="Split the sessions over so many days.")
@click.option(
    "--between-days",
    metavar="COMMAND",
    help="Run it after each day but the last, instead of asking whether to go on.",
)
@click.option("--yes", is_flag=True, help="Go on from day to day without asking.")
def run(
    mode: str | None,
    episodes: int | None,
    episodes_per_process: int | None,
    recommender: str,
    config_path: Path,
    family: str | None,
    seed: int,
    processes: int | None,
    port: int | None,
    lists: Path | None,
    log_dir: Path | None,
    log_format: str,
    days: int,
    between_days: str | None,
    yes: bool,
) -> None:
    """Play listeners against a recommender and print the mean reward.

    The reward of a session is the sum of the shares of the recommended tracks
    that were heard. `single` plays one session at a time, `multi` over a
    process per core; with neither, many at a time in one process. The outcome
    of a session depends on seed and answers alone, not on how it was played.
    """
    recommender = _OTHER_NAMES.get(recommender, recommender)
    if mode == "single" and processes is not None:
        raise InputError("--processes does not go with single, which plays one session at a time")
    processes = processes or (len(os.sched_getaffinity(0)) if mode == "multi" else 1)
    if recommender == "console":
        processes = 1  # a person has one terminal
    episodes = _total(episodes, episodes_per_process, processes)
    if not 1 <= episodes < 2**63:
        raise InputError(f"--episodes {episodes}: there must be 1 or more, and below 2**63")
    if not 1 <= days <= episodes:
        raise InputError(f"--days {days}: it must be 1 or more, and no more than --episodes")
    if between_days is not None and days == 1:
        raise InputError("--between-days: with one day there is nothing in between, see --days")
    if recommender == "remote" and log_dir is not None:
        raise InputError("--log: the service writes the log of a remote run, see its log_dir")
    if recommender != "remote":
        registry.check(recommender, lists)
    config = load_config(config_path, family)
    if log_dir is not None:
        claim(log_dir, day=None)
    world = open_world(config)
    at_once = 1 if mode == "single" or recommender == "console" else None
    if family is not None:
        _tell_family(family, config, world)
    if mode == "multi" or episodes_per_process is not None:
        _tell_episodes(episodes, processes, episodes_per_process)
    if sys.stderr.isatty() and is_cold():
        click.echo("compiling the simulator: some ten seconds, once", err=True)
    plan = Days(world, config.days_config, seed=seed, episodes=episodes, days=days)
    outcome = Outcome()
    with ExitStack() as stack:
        stack.enter_context(sigterm_as_ctrl_c())
        # On a terminal only: None lets tqdm ask.
        quiet = True if recommender == "console" else None
        bar = stack.enter_context(tqdm(total=episodes, unit=" sessions", disable=quiet))

        def ended(some: Ended) -> None:
            plan.ended(some)
            bar.update(len(some.episodes))

        player: Player
        if recommender == "remote":
            remote = config.remote_recommender_config
            service = ServiceOptions(
                remote.host,
                port or remote.port,
                at_once or remote.connections,
                remote.timeout_seconds,
                remote.retry_seconds,
            )
            player = Remote(service, seed, processes)
        else:
            logs = None
            if log_dir is not None:
                span = days if days > 1 else _LOG_DAYS
                origin = origin_of(
                    config, recommender, lists, seed=seed, episodes=episodes, days=days
                )
                logs = Logs(log_dir, log_format, world.users.ids, episodes, days, span, origin)
            player = InProcess(recommender, lists, seed, processes, at_once, logs)
        for day in range(days):
            try:
                # Where listeners have left, a day may have no session at all.
                if len(today := plan.episodes(day)):
                    outcome += player.play(plan.world(day), today, day, ended)
                plan.close()
                if days > 1:
                    bar.clear()
                    left = f"; listeners who have left: {plan.n_left:,}" if plan.n_left else ""
                    click.echo(f"day {day + 1} of {days}: {plan.today}{left}")
                if outcome.stopped or (day + 1 < days and not go_on(day + 1, between_days, yes)):
                    break
            except InputError as error:
                outcome.stopped = str(error)
                break
            except KeyboardInterrupt:
                outcome.stopped = INTERRUPTED
                break
    # What was played counts, whatever came then.
    if plan.total.sessions or outcome.notes():
        click.echo(f"{recommender}: {plan.total}{outcome.notes()}")
    if outcome.interrupted:
        click.echo("interrupted", err=True)
        sys.exit(_INTERRUPTED)
    if outcome.stopped:
        raise InputError(outcome.stopped)
    if not plan.total.sessions:
        raise InputError("no session could be finished")


def _total(episodes: int | None, per_process: int | None, processes: int) -> int:
    """How many sessions there are in all."""
    if per_process is None:
        return _EPISODES if episodes is None else episodes
    if episodes is not None:
        raise InputError("--episodes and --episodes-per-process are two ways to say it: give one")
    return per_process * processes


def _tell_episodes(episodes: int, processes: int, per_process: int | None) -> None:
    """Both numbers: other editions play --episodes in each process."""
    elsewhere = ""
    if per_process is None:
        elsewhere = (
            f"; where --episodes counts for each process, these would be "
            f"{episodes * processes:,}: --episodes-per-process {episodes}"
        )
    click.echo(
        f"{episodes:,} sessions in all, {episodes / processes:,.10g} for each of {processes} "
        f"processes on average{elsewhere}",
        err=True,
    )


def _tell_family(family: str, config: SimConfig, world: World) -> None:
    """How many listeners a default of the family reaches: users.json may have their own."""
    default = config.user_catalog_config.default_artist_discount_gamma
    reached = int((world.users.artist_discount_gamma == default).sum())
    click.echo(
        f"--family {family}: an artist's discount of {default:g} for {reached:,} of "
        f"{len(world.users):,} listeners; the others have their own in users.json",
        err=True,
    )


if __name__ == "__main__":
    standalone(run)
