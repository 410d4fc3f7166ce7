"""botify-pipeline: nights of training and publication, from the command line."""

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from pipeline.nightly.config import Config, ConfigError, load
from pipeline.nightly.directory import StopNightError, locked
from pipeline.nightly.serving import Serving
from pipeline.nightly.steps import STEPS

_config = click.option(
    "--config", "path", type=Path, default=Path("config/pipeline.yml"), show_default=True
)


@click.group()
def main() -> None:
    """Retrain every night: checks, training, a gate, publication, rollback."""


@main.command()
@click.argument("step", type=click.Choice(["all", *STEPS]))
@_config
@click.option(
    "--night",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The newest day of data. [default: yesterday]",
)
@click.option("--force", is_flag=True, help="Publish what the gate refuses; recorded.")
def run(step: str, path: Path, night: datetime | None, force: bool) -> None:
    """Run a STEP of a night, or all of them.

    What is done already, from the same inputs, is left as it is: after a kill the same command
    goes on. The exit code is 1, and the reason is told, where nothing may be published.
    """
    from pipeline.nightly.night import Nightly  # slow to import, and a rollback is in a hurry

    config = _load(path)
    nightly = Nightly(config, night.date() if night else _yesterday(), force)
    try:
        with locked(config.out):
            if step == "all":
                decision = nightly.run_all(click.echo)
                click.echo(f"published {decision['candidate']}: {decision['reason']}")
            else:
                report = nightly.run(step)
                click.echo(f"{step}: {report['status']}")
    except StopNightError as error:
        _stop(error)


@main.command()
@_config
def status(path: Path) -> None:
    """Tell the version in service, and each night's decision."""
    from pipeline.nightly.page import decisions, line

    config = _load(path)
    click.echo(f"in service: {Serving(config.serving).current() or 'nothing yet'}")
    for decision in decisions(config.out):
        click.echo(line(decision))


@main.command()
@click.option("--user", required=True, help="The user's id.")
@click.option("--log", required=True, type=Path, help="The directory of an event log.")
@click.option(
    "--key-file", required=True, type=Path, help="A secret of 16 bytes or more; keep it."
)
def forget(user: str, log: Path, key_file: Path) -> None:
    """Remove the lines of a user from the event logs (music, shop) in a directory.

    A service that writes them must be stopped. What was removed is recorded in forgotten.jsonl
    there, with a hash of the id by the key in place of the id. After a kill, run it again. The
    next night does not learn from the user, as the log has no lines.

    NOT reached: copies in HDFS or elsewhere; what earlier nights extracted and trained; lists
    already published, which name the user until the next night publishes; Redis, the memory of
    a running service, other sources (CSV, Parquet, tables), and the site.

    The data client takes a rewritten log for a new one, and ships the lines that are left a second
    time: move a log that was shipped to a directory that is not, before or after.
    """
    from pipeline.nightly import forget as forgetting

    try:
        found = forgetting.forget(user, log, forgetting.read_key(key_file))
    except StopNightError as error:
        _stop(error)
    lines = sum(found.lines.values())
    click.echo(f"removed {lines:,} lines from {len(found.lines)} files; {log / forgetting.RECORD}")
    if found.unreadable:
        click.secho(
            f"kept {found.unreadable:,} lines that cannot be read, and may be of the user",
            err=True, fg="yellow",
        )  # fmt: skip


@main.command()
@_config
@click.option("--reason", default="by hand", show_default=True)
def rollback(path: Path, reason: str) -> None:
    """Put the version before into service again."""
    try:
        version = Serving(_load(path).serving).rollback(reason)
    except StopNightError as error:
        _stop(error)
    click.echo(f"in service: {version}")


def _load(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        raise click.UsageError(f"{path}: {error}") from None


def _yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def _stop(error: StopNightError) -> None:
    click.secho(f"stopped: {error}", err=True, fg="red")
    sys.exit(1)


if __name__ == "__main__":
    main()
