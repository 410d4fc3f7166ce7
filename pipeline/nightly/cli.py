"""botify-pipeline: nights of training and publication, from the command line."""

import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pipeline import messages
from pipeline.messages import Settings, SettingsError
from pipeline.messages.text import text
from pipeline.nightly.config import Config, ConfigError, load
from pipeline.nightly.directory import StopNightError, locked
from pipeline.nightly.serving import Serving
from pipeline.nightly.steps import STEPS

if TYPE_CHECKING:
    from pipeline.nightly.night import Nightly

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
@click.option(
    "--engine", type=click.Choice(["local", "spark"]), help="In place of the config's engine."
)
def run(step: str, path: Path, night: datetime | None, force: bool, engine: str | None) -> None:
    """Run a STEP of a night, or all of them.

    What is done already, from the same inputs, is left as it is: after a kill the same command
    goes on. The exit code is 1, and the reason is told, where nothing may be published.
    """
    from pipeline.nightly.night import Nightly  # slow to import, and a rollback is in a hurry

    config = _load(path)
    if engine:
        config = config.model_copy(update={"engine": engine})
    nightly = Nightly(config, night.date() if night else _yesterday(), force)
    try:
        with locked(config.out):
            if step == "all":
                try:
                    decision = nightly.run_all(click.echo)
                except StopNightError:
                    _told(nightly)
                    raise
                _told(nightly)
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


@main.command()
@click.argument("night", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--note", default="", help="A line to add.")
@click.option("--show", is_flag=True, help="Print the message, and send nothing.")
def notify(night: Path, note: str, show: bool) -> None:
    """Send what became of the NIGHT, a directory, by Telegram, e-mail and webhook.

    The environment says where to. The same text is sent once. The exit code is 1 where a message
    could not be sent.
    """
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    if show:
        click.echo(text(night, settings.link, note))
        return
    if settings.empty:
        raise click.UsageError(
            "nobody to tell: set TELEGRAM_BOT_TOKEN, SMTP_HOST or NOTIFY_WEBHOOK_URL"
        )
    if failed := messages.notify(night, settings, note):
        click.secho(f"not sent: {'; '.join(failed)}", err=True, fg="red")
        sys.exit(1)
    click.echo("sent")


@main.command()
@click.argument("night", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_config
def track(night: Path, path: Path) -> None:
    """Write the runs of a NIGHT, a directory, to MLflow, register its lists, set the aliases."""
    serving = Serving(_load(path).serving)
    if problem := _tracked(night, serving):
        click.secho(f"not tracked: {problem}", err=True, fg="red")
        sys.exit(1)


@main.command()
@click.argument("alias", default="champion")
@_config
@click.option("--force", is_flag=True, help="Also what was rolled back before; recorded.")
def publish(alias: str, path: Path, force: bool) -> None:
    """Put the registry's lists of that ALIAS into service, the champion by default."""
    from pipeline.nightly.from_registry import publish as take
    from pipeline.tracking.registry import TrackingError

    config = _load(path)
    try:
        version = take(config.face, alias, Serving(config.serving), force)
    except (StopNightError, TrackingError) as error:
        _stop(error)
    click.echo(f"in service: {version}")


def _told(nightly: "Nightly") -> None:
    """What became of a night, for MLflow and for people; nothing here fails it."""
    night = nightly.night.path
    if nightly.config.track and (problem := _tracked(night, nightly.serving)):
        click.secho(f"not tracked: {problem}", err=True, fg="yellow")
    _tell(night)


def _tracked(night: Path, serving: Serving) -> str | None:
    """Why a night was not tracked; None: it was."""
    from pipeline.tracking.registry import TrackingError, registry
    from pipeline.tracking.runs import runs_of

    try:
        runs = runs_of(night)
        with registry() as place:
            numbers = place.log(runs, serving.current())
    except (TrackingError, ValueError) as error:
        return str(error)
    click.echo(f"tracked: {len(numbers)} runs of {runs.face}_nightly at {place.uri}")
    return None


def _tell(night: Path) -> None:
    """After a night: nothing here fails it."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        click.secho(f"no message was sent: {error}", err=True, fg="yellow")
        return
    for failed in [] if settings.empty else messages.notify(night, settings):
        click.secho(f"message not sent: {failed}", err=True, fg="yellow")


def _load(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        raise click.UsageError(f"{path}: {error}") from None


def _yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def _stop(error: Exception) -> NoReturn:
    click.secho(f"stopped: {error}", err=True, fg="red")
    sys.exit(1)


if __name__ == "__main__":
    main()
