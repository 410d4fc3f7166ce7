"""Ship the service's event logs to HDFS or to a local directory.

python script/dataclient.py --user USER log2hdfs [--cleanup] HDFS_DIR
python script/dataclient.py --recommender 2 log2local LOCAL_DIR
"""

import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # run as a file, when the first entry is script/ and not the root
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import click
from tqdm import tqdm

from script.containers import LOG_DIR, fetch_logs
from script.errors import InputError, ShipError
from script.hdfs_target import HdfsTarget, connect, home_directory
from script.ship import ship
from script.sources import LogFile, find_logs
from script.targets import LocalTarget, Target


@dataclass(frozen=True)
class Options:
    """What stands before the command."""

    user: str | None
    recommender: int | None
    project: str | None


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (InputError, ShipError, OSError) as error:
            click.echo(f"Error: {_message(error)}", err=True)
            ctx.exit(2 if isinstance(error, InputError) else 1)


@click.group(cls=_Group)
@click.option("--user", help="Owner of the home directory in HDFS.")
@click.option(
    "--recommender",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take the logs out of the first N recommender containers.",
)
@click.option(
    "--project",
    envvar="COMPOSE_PROJECT_NAME",
    help="The docker-compose project, where several run recommenders.",
)
@click.pass_context
def main(
    ctx: click.Context, user: str | None, recommender: int | None, project: str | None
) -> None:
    """Ship the event logs data.json* of the service.

    They come from a local directory, or with --recommender from the containers that
    docker-compose started. Only whole lines are shipped; a file is uploaded under a hidden
    name, read back, compared, and then moved into place.
    """
    # HdfsCLI logs what it also raises; the one line of ours is enough.
    logging.getLogger("hdfs").addHandler(logging.NullHandler())
    ctx.obj = Options(user, recommender, project)


log_dir_option = click.option(
    "--log-dir",
    type=click.Path(path_type=Path),
    help="The local directory to take logs from.  [default: log]",
)


@main.command()
@click.argument("hdfs_dir")
@log_dir_option
@click.option(
    "--url",
    envvar="HDFS_URL",
    help="WebHDFS address, several with `;` between. [env: HDFS_URL; default: the default alias "
    "of ~/.hdfscli.cfg, else http://127.0.0.1:50070]",
)
@click.option(
    "--cleanup",
    is_flag=True,
    help="Replace what the directory holds: empty it of all else once the upload is verified.",
)
@click.pass_obj
def log2hdfs(
    options: Options, hdfs_dir: str, log_dir: Path | None, url: str | None, cleanup: bool
) -> None:
    """Ship to /user/USER/HDFS_DIR over WebHDFS."""
    if options.user is None:
        raise InputError("log2hdfs needs --user USER, before the command: whose /user/USER it is")
    directory = home_directory(options.user, hdfs_dir)
    target = HdfsTarget(connect(url, options.user), directory)
    with _logs(options, log_dir) as logs:
        summary = _ship(logs, target, replace=cleanup)
    if cleanup:
        target.keep_only({log.name for log in logs})
    click.echo(summary)


@main.command()
@click.argument("local_dir", type=click.Path(path_type=Path))
@log_dir_option
@click.pass_obj
def log2local(options: Options, local_dir: Path, log_dir: Path | None) -> None:
    """Ship to the directory LOCAL_DIR of this machine."""
    target = LocalTarget(local_dir)
    with _logs(options, log_dir) as logs:
        if local_dir.exists() and any(log.path.parent.samefile(local_dir) for log in logs):
            raise InputError(f"{local_dir}: is where the logs are; name another directory")
        click.echo(_ship(logs, target, replace=False))


@contextmanager
def _logs(options: Options, log_dir: Path | None) -> Iterator[list[LogFile]]:
    """The logs to ship, with at least one whole line each; what stays behind is said."""
    with tempfile.TemporaryDirectory(prefix="botify-logs-") as copies:
        if options.recommender is None:
            log_dir = log_dir or Path("log")
            where = f"{log_dir} (--log-dir)"
            found = find_logs(log_dir)
        elif log_dir is not None:
            raise InputError("--recommender and --log-dir name two sources; give one of them")
        else:
            where = f"{LOG_DIR} of the containers"
            found, left = fetch_logs(options.recommender, options.project, Path(copies))
            if left:
                _note(f"not asked for, so not shipped: {', '.join(left)}")
        if not found:
            raise InputError(
                f"{where}: no data.json* there; the service writes them as it answers"
            )
        for log in found:
            if log.unfinished:
                _note(f"{log.name}: last line unfinished, {log.unfinished} bytes stay behind")
        logs = [log for log in found if log.size]
        if not logs:
            raise InputError(f"{where}: no data.json* there has a whole line yet")
        yield logs


def _ship(logs: list[LogFile], target: Target, replace: bool) -> str:
    """Ship with a progress bar on a terminal; returns what to say about it in the end."""
    began = time.monotonic()
    with tqdm(
        total=sum(log.size for log in logs),
        unit="B",
        unit_scale=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        done = ship(logs, target, replace, bar.update)
    seconds = time.monotonic() - began
    rate = done.bytes / 1e6 / seconds
    return (
        f"Files shipped: {len(done.shipped)} (already there: {len(done.unchanged)}); "
        f"{done.bytes} bytes in {seconds:.1f} s ({rate:.2f} MB/s) to {target}"
    )


def _note(text: str) -> None:
    click.echo(f"Note: {text}", err=True)


def _message(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return str(error)


if __name__ == "__main__":
    main()
