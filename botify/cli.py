"""`botify`: serve recommendations, and load lists into a running service."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from botify.errors import InputError

_CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config/botify.yml"),
    show_default=True,
    help="Settings of the service.",
)
_DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="The world and the lists to serve."
)


class _Refused(click.ClickException):
    exit_code = 2


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise _Refused(str(error)) from error


@click.group(cls=_Group)
@click.version_option(package_name="botify")
def main() -> None:
    """Answer which track a listener hears next, and log every answer.

    \b
    serve       tracks.json, lists -> HTTP on port 5001, event log in log/data.json*
    lists load  a list file        -> a running service, with no restart
    """


@main.command()
@_CONFIG
@_DATA_DIR
@click.option("--log-dir", type=click.Path(path_type=Path), help="Where the event log goes.")
@click.option("--host", help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes; one per core is a good start.")
@click.option("--threads", type=int, help="Requests that a worker handles at once.")
@click.option(
    "--operations-host", help="Address for health and metrics, which only this machine reaches."
)
@click.option(
    "--operations-port", type=int, help="Port for them; --port and 10,000 unless told otherwise."
)
@click.option("--redis-timeout", type=float, help="Seconds until a slow Redis is given up.")
@click.option("--seed", type=int, help="Repeatable picks: same requests, same answers.")
def serve(config_path: Path, **overrides: object) -> None:
    """Serve recommendations over HTTP until Ctrl-C or SIGTERM.

    Options not given come from the config. The environment variable REDIS_URL names a Redis to
    use; without it the service runs a private Valkey and stops it on exit.
    """
    # Here and below: imported on demand, so that --help does not wait for it.
    from botify.config import load_config
    from botify.server.run import run

    run(load_config(config_path, **overrides))


@main.group()
def lists() -> None:
    """Change what a running service serves."""


@lists.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--name", required=True, help="List to replace, as the config names it; or top_tracks."
)
@click.option("--port", type=int, help="Port of the service, where several run on the data.")
@click.option("--force", is_flag=True, help="Load it even if most users lose their lists.")
@_CONFIG
@_DATA_DIR
def load(
    file: Path,
    name: str,
    port: int | None,
    force: bool,
    config_path: Path,
    data_dir: Path | None,
) -> None:
    """Check FILE and put it into service as the list NAME, at once and with no restart.

    A file with an unknown track, a repeated track or a malformed line is refused, and the list
    served stays; so is one that lacks more than half of the users in service (least_kept in the
    config). The service is found through <data-dir>/serve*.json, or REDIS_URL.
    """
    from botify.config import load_config
    from botify.server.run import load_into_running

    config = load_config(config_path, data_dir=data_dir)
    with _rate("lists read") as progress:
        done = load_into_running(config, name, file, progress, port, force)
    click.echo(done)


@contextmanager
def _rate(what: str) -> Iterator[Callable[[int], None]]:
    """On a terminal, a line that counts and says how fast; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    started, total = time.monotonic(), 0

    def advance(count: int) -> None:
        nonlocal total
        total += count
        rate = total / max(time.monotonic() - started, 1e-3)
        click.echo(f"\r{total:,} {what}, {rate:,.0f} a second", nl=False, err=True)

    try:
        yield advance
    finally:
        click.echo("\r\033[K", nl=False, err=True)


if __name__ == "__main__":
    main()
