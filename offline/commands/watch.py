"""`botify-offline watch`: event logs that grow -> a live page, and its JSON."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from tqdm import tqdm

from offline.atomic import write_atomic
from offline.commands._common import (
    Planned,
    grouped,
    planned_treatments_options,
    read_users,
    weights_option,
)
from offline.engine.interrupts import interruptible
from offline.errors import InputError
from offline.experiment.analysis import check_alpha
from offline.experiment.metric_files import built_in, read_metrics
from offline.experiment.metrics import Metrics
from offline.experiment.report.run_info import RunInfo, load_run_info
from offline.experiment.stats.effects import ALPHA
from offline.watch.batch import Question
from offline.watch.live_metrics import check_live
from offline.watch.server import HOST, Board, serve
from offline.watch.telling import Json
from offline.watch.watcher import SCHEMA, Watched, Watcher

PORT = 5010
_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Followed:
    """What is followed of an experiment."""

    metrics_file: Path | None
    primary: tuple[str, ...]
    run: str | None
    drop_users: str | None

    def question(self, experiment: str) -> Question:
        """Raises InputError for metrics or users that cannot be read."""
        drop = [] if self.drop_users is None else read_users(self.drop_users)
        metrics = followed_metrics(self.metrics_file, self.primary)
        return Question(experiment, self.run, drop, metrics)


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--experiment", required=True, help="Name of the experiment, as in the logs.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port of the page, on this machine only; 0 for any free port.",
)
@click.option(
    "--every",
    type=click.FloatRange(0.5, 3600),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look for new lines.",
)
@click.option(
    "--json", "json_out", type=_FILE, help="Write the data of the page to this file too."
)
@weights_option
@click.option("--treatments", help="Treatments to follow, such as C,T1; others are left out.")
@planned_treatments_options
@click.option(
    "--metrics",
    "metrics_file",
    type=_FILE,
    help="Metrics of your own, as for `analyze`: the primary ones are followed.",
)
@click.option(
    "--primary",
    multiple=True,
    metavar="METRIC",
    help="What is followed; may be repeated. [default: as the metrics say: mean_session_time]",
)
@click.option(
    "--alpha",
    type=float,
    default=ALPHA,
    show_default=True,
    help="Chance that an interval misses the true effect at any look.",
)
@click.option("--run", help="Follow only the lines of this run.")
@click.option("--drop-users", metavar="IDS", help="Users to leave out: 12,345 or a file.")
@click.option("--run-info", type=_FILE, help='JSON object; "treatments" names the treatments.')
@grouped("planned", Planned)
@grouped("followed", Followed)
def command(
    logs: tuple[str, ...],
    experiment: str,
    port: int,
    every: float,
    json_out: Path | None,
    planned: Planned,
    followed: Followed,
    alpha: float,
    run_info: Path | None,
) -> None:
    """Follow a running A/B experiment on a local web page.

    LOGS are what `analyze` takes. What is there is read once, then only what is new; Ctrl-C ends
    it. The intervals hold however often one looks.
    """
    info = RunInfo() if run_info is None else load_run_info(run_info)
    shares = planned.shares(experiment)
    question = followed.question(experiment)
    watched = Watched(logs, question, shares, info.treatments, every, check_alpha(alpha))
    watch(watched, json_out, port)


def followed_metrics(file: Path | None, primary: Sequence[str]) -> Metrics:
    """The metrics, of which the primary ones can be followed. Raises InputError."""
    metrics = built_in() if file is None else read_metrics(file)
    metrics = metrics.with_primaries(primary)
    check_live(metrics)
    return metrics


def watch(watched: Watched, json_out: Path | None = None, port: int = PORT) -> None:
    """Follow a log and serve its page until Ctrl-C. Raises InputError."""
    since = time.time()
    board = Board(_reading(watched, since))
    server = serve(board, port)
    try:
        with interruptible():
            _follow(watched, board, server.server_address[1], since, json_out)
    except KeyboardInterrupt:
        click.echo("ended")
    finally:
        server.shutdown()
        server.server_close()


def _follow(
    watched: Watched, board: Board, port: int, since: float, json_out: Path | None
) -> None:
    click.echo(f"page: http://{HOST}:{port}/ (Ctrl-C ends it)")
    watcher = Watcher(watched)
    started = time.monotonic()
    with tqdm(total=100, desc="reading", unit=" %", leave=False, disable=None) as bar:

        def report(share: float) -> None:
            bar.update(round(100 * share) - bar.n)
            board.put(_reading(watched, since, share))

        watcher.read_all(report)
    seconds = time.monotonic() - started
    lines = watcher.state.skipped.lines
    rate = lines / seconds
    click.echo(f"read {lines:,} lines in {seconds:.1f} s ({rate:,.0f} lines/s)")
    followed = ", ".join(metric.called for metric in watched.question.metrics.primaries)
    click.echo(f"followed: {followed}; {watcher.told()['correction']}")
    while True:
        told = watcher.told()
        board.put(told)
        if json_out is not None:
            _write(json_out, told)
        time.sleep(watched.every)
        watcher.look()


def _write(path: Path, told: Json) -> None:
    """Whole or not at all: another program may read it at any time."""
    try:
        write_atomic(path, (json.dumps(told, indent=2, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def _reading(watched: Watched, since: float, share: float = 0.0) -> Json:
    """What is told while what is there is read."""
    return {
        "schema": SCHEMA,
        "experiment": watched.question.experiment,
        "phase": "reading",
        "since": round(since * 1000),
        "share": share,
        "every": watched.every,
    }


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("watch")
