"""Ratings from CSV files to a page: SQL, a factorisation, three stores, and a service.

Each step is a command that a person can run; it is printed first. Stores without a URL are started
here, with their data in the output's folder; what is done already is not done twice.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click
import yaml

from pipeline import servers

BIN = Path(sys.executable).parent
SET = "ml-latest-small"
GENERATED = ("--users", "1000", "--items", "500", "--ratings", "40000", "--seed", "1")
"""Ratings where there are none."""
_PORTS = {"postgresql": 5432, "mongodb": 27017, "redis": 6379}


class Stores(NamedTuple):
    """URLs."""

    postgres: str
    mongo: str
    redis: str


@click.command()
@click.option(
    "--data",
    type=Path,
    envvar="WORKSHOP_DATA",
    help="Folder with ratings.csv, movies.csv and links.csv [default: ml-latest-small of "
    "BOTIFY_DATA or movielens/].",
)
@click.option("--out", type=Path, default=Path("out/workshop"), show_default=True)
@click.option("--postgres", envvar="WORKSHOP_POSTGRES", help="URL [default: a server of its own].")
@click.option("--mongo", envvar="WORKSHOP_MONGO", help="The same.")
@click.option("--redis", envvar="WORKSHOP_REDIS", help="The same.")
@click.option("--min-users-per-item", default=10, show_default=True)
@click.option("--min-items-per-user", default=3, show_default=True)
@click.option("--max-items-per-user", default=200, show_default=True)
@click.option("--limit", default=100_000, show_default=True)
@click.option("--factors", default=50, show_default=True)
@click.option("--precompute", default=0, show_default=True, help="Rankings to store with users.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5001, show_default=True)
@click.option(
    "--until",
    type=click.Choice(["stores", "published", "served"]),
    default="served",
    show_default=True,
    help="stores: only start them, and say where they are.",
)
def main(
    data: Path | None,
    out: Path,
    postgres: str | None,
    mongo: str | None,
    redis: str | None,
    factors: int,
    precompute: int,
    host: str,
    port: int,
    until: str,
    **bounds: int,
) -> None:
    """From CSV files to the page /recs?user_id=10&top=15."""
    # So that the servers are ended, whatever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        where = stack.enter_context(_stores(out, postgres, mongo, redis))
        if until == "stores":
            _tell(where)
            return
        tables = _tables(data, out)
        _step("1/5 load the CSV files into PostgreSQL; a second time changes nothing")
        _run("botify-offline", "load-csv", *tables.values(), "--to", where.postgres)
        _step("2/5 filter and average in SQL")
        words = [word for name, n in bounds.items() for word in (f"--{name.replace('_', '-')}", n)]
        # Generated ratings have neither titles nor times.
        items = ("--items", tables["movies"]) if "movies" in tables else ("--no-time",)
        source = ("import", where.postgres, "--format", "sql", *words, *items)
        _run("botify-offline", *source, "--out", out / "data")
        _step("3/5 factorise: a truncated SVD of what the biases leave of the ratings")
        setting = ("--set", f"factors={factors}", "--set", "centred=true")
        model = ("--model", "truncated-svd", *setting)
        _run("botify-offline", "train", out / "data", *model, "--out", out / "model")
        _step("4/5 publish: users to MongoDB, items to Redis, switched together")
        sides = ("--users", where.mongo, "--items", where.redis, "--interactions", out / "data")
        ranked = ("--precompute", precompute) if precompute else ()
        _run("botify-offline", "publish", out / "model", *sides, *ranked)
        config = _config(out, where)
        if until == "published":
            return
        _step("5/5 serve the page")
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host
        click.echo(f"in a browser: http://{shown}:{port}/recs?user_id=10&top=15")
        _serve("botify", "serve", "--config", config, "--host", host, "--port", port)


@contextmanager
def _stores(
    out: Path, postgres: str | None, mongo: str | None, redis: str | None
) -> Iterator[Stores]:
    with ExitStack() as stack:
        given = {"postgres": postgres, "mongo": mongo, "redis": redis}
        found = {}
        for name, start in (
            ("postgres", servers.postgres),
            ("mongo", servers.mongo),
            ("redis", servers.redis),
        ):
            url = given[name]
            if url is None:
                url = stack.enter_context(start((out / name).absolute()))
            else:
                _wait_for(url)
            found[name] = url
        yield Stores(**found)


def _wait_for(url: str) -> None:
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    try:
        servers.wait_for(parts.hostname or "localhost", port, parts.scheme)
    except TimeoutError as error:
        raise click.ClickException(str(error)) from error


def _tables(data: Path | None, out: Path) -> dict[str, Path]:
    """The CSV files, by table."""
    folders = [Path(root) / SET for root in (os.environ.get("BOTIFY_DATA"), "movielens") if root]
    for folder in [data] if data else folders:
        if (folder / "ratings.csv").is_file():
            names = ("ratings", "links", "movies")
            found = {name: folder / f"{name}.csv" for name in names}
            return {name: path for name, path in found.items() if path.is_file()}
    if data is not None:
        click.echo(f"{data} has no ratings.csv")
    click.echo("generating ratings; titles and years come with MovieLens' ml-latest-small")
    _run("botify-offline", "generate-ratings", *GENERATED, "--out", out / "generated")
    return {"ratings": out / "generated" / "ratings.csv"}


def _config(out: Path, where: Stores) -> Path:
    """The service's config: users in one store, items in another."""
    config = {
        "face": "ratings",
        "data_dir": str(out),
        "log_dir": str(out / "log"),
        "store_timeout": 5.0,
        "recommenders": {"svd": {"type": "factors", "users": where.mongo, "items": where.redis}},
        "default": "svd",
    }
    path = out / "ratings.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _tell(where: Stores) -> None:
    for name, url in where._asdict().items():
        click.echo(f"{name} {url}")
    click.echo("Ctrl-D ends them")
    sys.stdin.read()


def _step(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _serve(program: str, *arguments: object) -> None:
    """Until a signal, which this program passes on and outlives: the stores end last."""
    words = [program, *map(str, arguments)]
    click.secho("$ " + " ".join(words), dim=True)
    with subprocess.Popen([str(BIN / program), *words[1:]]) as service:
        signal.signal(signal.SIGTERM, lambda *_: service.terminate())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the service, too
        service.wait()


def _run(program: str, *arguments: object) -> None:
    words = [program, *map(str, arguments)]
    click.secho("$ " + " ".join(words), dim=True)
    done = subprocess.run([str(BIN / program), *words[1:]])
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
