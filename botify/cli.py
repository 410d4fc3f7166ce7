"""`botify`: serve recommendations, and load lists into a running service."""

import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from botify.errors import InputError
from botify.version import VERSION

_CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="Config file of the service [default: config/botify.yml; of the ratings face, "
    "config/ratings.yml; of the shop face, what --data-dir has].",
)
_FACE = click.option(
    "--face",
    type=click.Choice(["music", "shop", "ratings"]),
    help="What to answer [default: the config's].",
)
_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Directory with the world and the lists to serve.",
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
@click.version_option(VERSION)
def main() -> None:
    """Choose the next track for a listener, and log every answer.

    \b
    serve       tracks.json, lists -> HTTP on port 5001, event log in log/data.json*
    serve --face shop, items.json, lists -> HTTP on port 8000, event log in log-shop/data.json*
    serve --face ratings, factors -> HTTP on port 5000, event log in log-ratings/data.json*
    lists load  a list file        -> a running service, with no restart
    recommenders                      the types of recommender that are installed
    shop features, event log -> features that a ranker is trained on
    """


@main.command()
@_CONFIG
@_FACE
@_DATA_DIR
@click.option("--log-dir", type=click.Path(path_type=Path), help="Directory of the event log.")
@click.option("--host", help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=int, help="Port to listen on; 0: a free one.")
@click.option("--workers", type=int, help="Processes; one per core is a good start.")
@click.option("--threads", type=int, help="Requests that a worker handles at the same time.")
@click.option("--operations-host", help="Address for health and metrics [default: 127.0.0.1].")
@click.option(
    "--operations-port", type=int, help="Port for health and metrics [default: --port + 10,000]."
)
@click.option("--redis-timeout", type=float, help="Seconds that a request waits for Redis.")
@click.option(
    "--seed", type=int, help="Repeatable answers: the same requests get the same tracks."
)
def serve(config_path: Path | None, face: str | None, **overrides: object) -> None:
    """Serve recommendations over HTTP until Ctrl-C or SIGTERM.

    --face music chooses the next track (POST /next/USER); --face shop answers lists with ids of
    your own (GET /recommendations/?user_id=USER&k=5); --face ratings predicts ratings (GET
    /reco?UsrID=USER&n_recos=5).

    SIGUSR1 puts changed recommenders, experiments and the default of the config into force.
    Options that are not given come from the config. The environment variable REDIS_URL names a
    Redis to use; without it, the service runs a private Valkey.
    """
    # Here and below: imported on demand, so that --help is fast.
    # Before numpy is imported: each thread of a worker would start as many for a product.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from botify.config.load import ConfigFile
    from botify.server.run import run

    run(ConfigFile(config_path, face, **overrides))


@main.group()
def lists() -> None:
    """Lists of a running service."""


@lists.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the list in the config, or top_tracks.")
@click.option("--port", type=int, help="Port of the service, if several run on the data.")
@click.option("--force", is_flag=True, help="Load it even if most users lose their lists.")
@_CONFIG
@_FACE
@_DATA_DIR
def load(
    file: Path,
    name: str,
    port: int | None,
    force: bool,
    config_path: Path | None,
    face: str | None,
    data_dir: Path | None,
) -> None:
    """Check FILE and put it into service as the list NAME, without a restart.

    A file with an unknown track, a repeated track or a malformed line is refused, and the list in
    service stays; so is a file without lists for more than half of the users in service
    (least_kept in the config). The service is found by <data-dir>/serve*.json, or REDIS_URL.
    """
    from botify.config import load_service_config
    from botify.server.run import load_into_service

    config = load_service_config(config_path, face, data_dir=data_dir)
    with _rate("lists read") as progress:
        done = load_into_service(config, name, file, progress, port, force)
    click.echo(done)


@main.command()
def recommenders() -> None:
    """Show the types of recommender, of the service and of plug-ins.

    Of each: the name that `type` has in the config, the face, the distribution that it comes from,
    and what it does, or why it cannot be used. The exit code is 1 if one cannot be used.
    """
    from botify.config import FACES, recommender_types_of

    rows: list[tuple[str, str, str, str]] = []
    problems: list[str] = []
    for face, types in ((face, recommender_types_of(face)) for face in FACES):
        for plugin in types.all:
            if types.problem(plugin.name):
                text = "cannot be used; see below"
            else:
                found = types.get(plugin.name)
                describe = getattr(found, "describe", None)
                text = describe(plugin.name) if describe else inspect.cleandoc(found.__doc__ or "")
            summary = " ".join(text.partition("\n\n")[0].split()) or "(no description)"
            rows.append((plugin.name, face, plugin.distribution, summary))
        problems += types.problems
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for *cells, summary in rows:
        place = "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        click.echo(f"{place}  {summary}")
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        raise SystemExit(1)


@main.group()
def shop() -> None:
    """Tools of the shop face."""


@shop.command("features")
@click.argument("events", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    default=("addtocart",),
    show_default=True,
    help="Kind of event that makes an item a good answer; may be repeated.",
)
@click.option(
    "--items",
    type=click.Path(path_type=Path),
    help="The catalog, items.json [default: the config's, else all items of the log].",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="Source of candidates that features are of; may be repeated [default: all].",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="SOURCE=NAME",
    help="What the config calls one of the sources reminders, similar and popular.",
)
@click.option(
    "--candidates",
    "each",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Candidates of each source at most, where nothing was shown.",
)
@click.option(
    "--window",
    type=click.FloatRange(0, 24 * 365, min_open=True),
    default=24.0,
    show_default=True,
    help="Hours after an answer in which an event counts for it.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of the targets to take where nothing was shown; long logs have more than enough.",
)
@click.option(
    "--before-view",
    is_flag=True,
    help="Where nothing was shown, ask as of before the view that led to the target: what is "
    "looked at already need not be found.",
)
@click.option("--scores", is_flag=True, help="The scores that sources give are features too.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="Config file of the shop: its kinds of event, how many are kept, its items.",
)
def features(
    events: tuple[Path, ...],
    out: Path,
    targets: tuple[str, ...],
    items: Path | None,
    sources: tuple[str, ...],
    names: tuple[str, ...],
    each: int,
    window: float,
    share: float,
    before_view: bool,
    scores: bool,
    config_path: Path | None,
) -> None:
    """Write the features that a ranker is trained on, from event logs of the shop.

    EVENTS: files, or directories with data.json*. The log is replayed in order of time through
    the code that computes features for answers, so that each value is as the service had it at
    that moment. Negatives are the other items of an answer, or candidates as of the moment where
    nothing was shown in the hours before. `botify-offline train-ranker OUT` learns from them.
    """
    from botify.config import EventsConfig, ShopConfig, load_service_config
    from botify.shop.replay.run import Options, write_log_features

    kept = EventsConfig()
    if config_path is not None:
        config = load_service_config(config_path, "shop")
        assert isinstance(config, ShopConfig)
        kept, items = config.events, items or config.data_dir / config.items
    renamed = {}
    for pair in names:
        source, equals, name = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--name: {pair!r} is not SOURCE=NAME")
        renamed[source] = name
    options = Options(
        *(targets, sources, renamed, each, round(window * 3_600_000), scores),
        share,
        before_view,
    )
    with _rate("lines read and replayed") as progress:
        done = write_log_features(events, out, options, kept, items, progress)
    click.echo(f"{done.groups:,} groups, {len(done.features.names)} features -> {out}")
    for note in done.notes():
        click.echo(note)


@contextmanager
def _rate(what: str) -> Iterator[Callable[[int], None]]:
    """On a terminal, a line with the count and the rate."""
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
