"""Plays listeners against a recommender: `python sim/run.py --recommender remote ...`."""

import sys
from pathlib import Path
from typing import Any, NoReturn

if not __package__:
    # Run as a script: modules must not be looked for in the folder of this file,
    # or its own names would hide those of other packages.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import click
from tqdm import tqdm

from sim._click import CHAINS, CONFIG, DATA_DIR, FAMILY, SEED, standalone
from sim.agents import registry
from sim.config import SimConfig, load_config
from sim.engine.sessions import EndedSessions
from sim.errors import InputError
from sim.jit import is_cold
from sim.logs.log import claim
from sim.multi_day import MultiDayRun, between_days
from sim.remote import INTERRUPTED
from sim.run_options import RunOptions
from sim.runners import Runner, RunOutcome, make_runner
from sim.signals import sigterm_as_ctrl_c
from sim.world import World
from sim.world.files import open_world

# What other editions call an agent.
_OTHER_NAMES = {"dummy": "random"}
_INTERRUPTED = 130


class _Recommender(click.Choice[str]):
    """One of the names, or chain:NAME."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if str(value).startswith(registry.CHAIN):
            return str(value)
        return super().convert(value, param, ctx)


@click.command()
@click.argument("mode", required=False, type=click.Choice(["single", "multi"]))
@click.option(
    "--episodes",
    type=int,
    help="Number of sessions to play, over all processes together.  [default: 1000]",
)
@click.option(
    "--episodes-per-process",
    type=click.IntRange(1, 2**63 - 1),
    help="Number of sessions per process: what --episodes of multi means in other editions.",
)
@click.option(
    "--recommender",
    type=_Recommender(["remote", *registry.names(), *_OTHER_NAMES]),
    default="remote",
    show_default=True,
    help="What to play against: the service (remote), you (console), the oracle, or one of the "
    "service's recommenders in process; dummy is random; chain:NAME is one of --chains.",
)
@CONFIG
@FAMILY
@SEED
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="Number of processes that share the sessions; the outcome is the same. "
    "[default: 1; with multi: one per core]",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The service's port, instead of the config's."
)
@click.option(
    "--lists",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with recommendations.json, neighbours.json and top_tracks.json, for policies.",
)
@CHAINS
@DATA_DIR
@click.option(
    "--log",
    "log_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write the event log to, as the service would (not for remote).",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "parquet"]),
    default="json",
    show_default=True,
    help="data.json, or data.parquet: a twentieth of the size.",
)
@click.option(
    "--days", default=1, show_default=True, help="Number of days that share the sessions."
)
@click.option(
    "--between-days",
    metavar="COMMAND",
    help="Command to run after each day but the last, instead of asking whether to continue.",
)
@click.option("--yes", is_flag=True, help="Continue from day to day without asking.")
def run(**options: Any) -> None:
    """Play listeners against a recommender and print the mean reward.

    The reward of a session is the sum of the shares of the recommended tracks
    that were heard. `single` plays one session at a time, `multi` uses one
    process per core; with neither, one process plays many sessions at once.
    The outcome of a session depends on the seed and the answers alone, not on
    how it was played.
    """
    options["recommender"] = _OTHER_NAMES.get(options["recommender"], options["recommender"])
    simulate(RunOptions(**options))


def simulate(options: RunOptions) -> None:
    """Play the run that the options describe, and print its progress and its result.

    Exits with status 130 after an interruption. Raises InputError for options
    that do not fit together, for files that cannot be read, and for a run that
    had to stop; what was played until then is printed first.
    """
    if not options.is_remote:
        registry.check(options.recommender, options.lists, options.service_chains)
    config = load_config(options.config_path, options.family)
    if options.log_dir is not None:
        claim(options.log_dir, day=None)
    world = open_world(config)
    _print_notes(options, config, world)
    episodes = options.total_episodes
    days = MultiDayRun(
        world, config.days_config, seed=options.seed, episodes=episodes, days=options.days
    )
    # On a terminal only: None lets tqdm ask.
    no_bar = True if options.is_console else None
    with (
        sigterm_as_ctrl_c(),
        tqdm(total=episodes, unit=" sessions", disable=no_bar) as bar,
    ):
        runner = make_runner(options, config, world)
        outcome = play_days(days, runner, options, bar)
    # What was played counts, whatever came then.
    if days.total.sessions or outcome.notes():
        click.echo(f"{options.recommender}: {days.total}{outcome.notes()}")
    if outcome.interrupted:
        click.echo("interrupted", err=True)
        sys.exit(_INTERRUPTED)
    if outcome.stopped:
        raise InputError(outcome.stopped)
    if not days.total.sessions:
        raise InputError("no session could be finished")


def play_days(
    days: MultiDayRun, runner: Runner, options: RunOptions, bar: "tqdm[NoReturn]"
) -> RunOutcome:
    """Play day after day until the last is over, or until the outcome says why it stopped."""

    def progress(ended: EndedSessions) -> None:
        days.add(ended)
        bar.update(len(ended.episodes))

    outcome = RunOutcome()
    try:
        for day in range(days.n_days):
            # Once listeners have left, a day may have no session at all.
            if len(episodes := days.start_day(day)):
                outcome += runner.play(days.world(day), episodes, day, progress)
            days.end_day()
            if days.n_days > 1:
                bar.clear()
                left = f"; listeners who have left: {days.n_left:,}" if days.n_left else ""
                click.echo(f"day {day + 1} of {days.n_days}: {days.today}{left}")
            is_last = day + 1 == days.n_days
            if outcome.stopped or is_last:
                break
            if not between_days(day + 1, options.between_days, options.yes):
                break
    except InputError as error:
        outcome.stopped = str(error)
    except KeyboardInterrupt:
        outcome.stopped = INTERRUPTED
    return outcome


def _print_notes(options: RunOptions, config: SimConfig, world: World) -> None:
    """Print what may surprise before the first session is played, to stderr."""
    if options.family is not None:
        _print_family(options.family, config, world)
    if options.mode == "multi" or options.episodes_per_process is not None:
        _print_episodes(options)
    if sys.stderr.isatty() and is_cold():
        click.echo("compiling the simulator: about ten seconds, only once", err=True)


def _print_episodes(options: RunOptions) -> None:
    """Print the total and the share of each process: other editions play --episodes in each."""
    episodes, processes = options.total_episodes, options.n_processes
    elsewhere = ""
    if options.episodes_per_process is None:
        elsewhere = (
            f"; where --episodes counts for each process, these would be "
            f"{episodes * processes:,}: --episodes-per-process {episodes}"
        )
    click.echo(
        f"{episodes:,} sessions in all, {episodes / processes:,.10g} for each of {processes} "
        f"processes on average{elsewhere}",
        err=True,
    )


def _print_family(family: str, config: SimConfig, world: World) -> None:
    """Print how many listeners get a default of the family: users.json may set their own."""
    default = config.user_catalog_config.default_artist_discount_gamma
    reached = int((world.users.artist_discount_gamma == default).sum())
    click.echo(
        f"--family {family}: an artist's discount of {default:g} for {reached:,} of "
        f"{len(world.users):,} listeners; the others have their own in users.json",
        err=True,
    )


if __name__ == "__main__":
    standalone(run)
