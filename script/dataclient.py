"""Ship the service's event logs to HDFS or to a local directory.

python script/dataclient.py --user USER log2hdfs [--cleanup] HDFS_DIR
python script/dataclient.py --recommender 2 log2local LOCAL_DIR
"""

import logging
import sys
from pathlib import Path
from typing import Any

if not __package__:  # run as a file, when the first entry is script/ and not the root
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import click

from script.shipping.cli_options import settings, shared
from script.shipping.errors import InputError, ShipError
from script.shipping.runner import Source, run
from script.shipping.safe_names import home_directory, printable
from script.shipping.targets.hdfs import HdfsTarget, connect
from script.shipping.targets.local import LocalTarget


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (InputError, ShipError, OSError) as error:
            click.echo(f"Error: {printable(_message(error))}", err=True)
            ctx.exit(2 if isinstance(error, InputError) else 1)


@click.group(cls=_Group)
@click.option("--user", help="Owner of the home directory in HDFS.")
@click.option(
    "--recommender",
    "recommenders",
    multiple=True,
    metavar="N|NAME",
    help="Take the logs from the first N recommender containers, or from the container of this "
    "name (may be repeated).",
)
@click.option(
    "--project",
    envvar="COMPOSE_PROJECT_NAME",
    help="The docker-compose project, if several of them run recommenders.",
)
@click.pass_context
def main(
    ctx: click.Context, user: str | None, recommenders: tuple[str, ...], project: str | None
) -> None:
    """Ship the event logs data.json* of the service, each line exactly once.

    Logs come from a local directory or, with --recommender, from the containers that
    docker-compose started. Only complete lines are shipped. A record at the target says what
    it holds, so running the command again ships only what is new.
    """
    # HdfsCLI logs what it also raises; the one line of ours is enough.
    logging.getLogger("hdfs").addHandler(logging.NullHandler())
    ctx.obj = Source(user, recommenders, project, Path("log"))


@main.command()
@click.argument("hdfs_dir")
@shared
@click.option(
    "--url",
    envvar="HDFS_URL",
    help="WebHDFS address; separate several with `;`. [env: HDFS_URL; default: the default alias "
    "of ~/.hdfscli.cfg, else http://127.0.0.1:50070]",
)
@click.option(
    "--alias", help="An alias from ~/.hdfscli.cfg, which may sign in with Kerberos or a token."
)
@click.option(
    "--cleanup",
    is_flag=True,
    help="Replace the directory: once the upload is verified, remove everything else in it.",
)
@click.pass_obj
def log2hdfs(
    source: Source,
    /,
    hdfs_dir: str,
    url: str | None,
    alias: str | None,
    cleanup: bool,
    **values: Any,
) -> None:
    """Ship to /user/USER/HDFS_DIR over WebHDFS."""
    if source.user is None:
        raise InputError(
            "log2hdfs needs --user USER, before the command: the logs go to /user/USER"
        )
    if alias is not None and url is not None:
        raise InputError("--url and --alias both name a cluster; give one of them")
    directory = home_directory(source.user, hdfs_dir)
    target = HdfsTarget(connect(url, source.user, alias), directory)
    if target.proxy is not None:
        click.echo(
            f"Note: requests to HDFS go through the proxy {target.proxy}, which the environment "
            "sets; list the hosts to reach without it in NO_PROXY",
            err=True,
        )
    run(settings(values, source), target, cleanup=cleanup)


@main.command()
@click.argument("local_dir", type=click.Path(path_type=Path))
@shared
@click.option(
    "--flat",
    is_flag=True,
    help="Make each part a file in LOCAL_DIR itself, as in HDFS; may be compressed or Parquet.",
)
@click.pass_obj
def log2local(source: Source, /, local_dir: Path, flat: bool, **values: Any) -> None:
    """Ship to LOCAL_DIR/botify-recommender-N/data.json on this machine.

    Notebooks look for the logs there: one file for each recommender, to which new lines are
    appended. Logs from a local directory count as those of recommender 1.
    """
    chosen = settings(values, source, by_recommender=not flat)
    target = LocalTarget(local_dir)
    if not source.recommenders:
        logs, out = chosen.source.log_dir.resolve(), local_dir.resolve()
        if out == logs:
            raise InputError(f"{local_dir} is the log directory itself; name another directory")
        if out.is_relative_to(logs):
            raise InputError(
                f"{local_dir} is inside {chosen.source.log_dir}, whose subdirectories are "
                "shipped as well; name another directory"
            )
    run(chosen, target)


def _message(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return str(error)


if __name__ == "__main__":
    main()
