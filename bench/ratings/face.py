"""The ratings face under load: `python -m bench.ratings.face`.

Each request is for a random user: the stored vector, its product with all items, the ten best, the
rated ones left out. Makes its own publication, of random ratings, in a directory. Needs wrk.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import yaml
from scipy import sparse

from bench.common.processes import cpu_seconds, processes
from bench.common.tables import machine, table
from bench.serve.servers import free_port, script, served
from bench.serve.wrk import Load, parse
from offline.factors.by_url import open_store
from offline.factors.publication import publication_of
from offline.factors.publish import publish
from offline.models.registry import make_model

_SCRIPT = Path(__file__).with_name("face.lua")
_WARM_UP = 3


@click.command()
@click.option("--users", default=6000, show_default=True)
@click.option("--items", default=4000, show_default=True)
@click.option("--rated", default=165, show_default=True, help="Items that each user has rated.")
@click.option("--factors", default=50, show_default=True)
@click.option("--connections", default="1,16,64", show_default=True)
@click.option("--seconds", default=10, show_default=True, help="Of each run.")
@click.option("--n", "n_recos", default=10, show_default=True, help="Items that are asked for.")
def main(
    users: int, items: int, rated: int, factors: int, connections: str, seconds: int, n_recos: int
) -> None:
    """Print what answers cost, as Markdown."""
    program = shutil.which("wrk")
    if program is None:
        raise click.ClickException("wrk is not installed; `apt-get install wrk` on Debian")
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        directory = Path(place)
        _publish(directory, users, items, rated, factors)
        _config(directory)
        port = free_port()
        command = [script("botify"), "serve", "--config", directory / "ratings.yml"]
        command += ["--data-dir", place, "--log-dir", directory / "log", "--port", port]
        rows = []
        with served(command, port) as service:

            def run(at_once: int, lasting: int, seed: int) -> tuple[Load, float]:
                options = ["-t1", f"-c{at_once}", f"-d{lasting}s", "-s", _SCRIPT, service.url]
                words = [program, *options, "--", users, n_recos, seed]
                before = cpu_seconds(processes(service.pid))
                done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
                spent = cpu_seconds(processes(service.pid)) - before
                return parse(done.stdout + done.stderr), spent

            run(4, _WARM_UP, 0)
            for seed, at_once in enumerate(map(int, connections.split(",")), 1):
                load, spent = run(at_once, seconds, seed)
                if load.errors:
                    raise click.ClickException(f"{load.errors:,} requests were not served")
                per_request = f"{1000 * spent / load.requests:.2f}"
                figures = (f"{load.rate:,.0f}", f"{load.p50:.1f}", f"{load.p99:.1f}", per_request)
                rows.append((str(at_once), *figures))
    click.echo(
        f"{items:,} items, {factors} factors, {users:,} users with {rated} ratings each, "
        f"{n_recos} items an answer; {machine()}\n"
    )
    table(("connections", "requests/s", "p50, ms", "p99, ms", "CPU of a request, ms"), rows)


def _publish(directory: Path, users: int, items: int, rated: int, factors: int) -> None:
    rng = np.random.default_rng(1)
    columns = np.argsort(rng.random((users, items)), axis=1)[:, :rated]
    values = rng.integers(1, 11, users * rated) / 2
    rows = np.repeat(np.arange(users), rated)
    ratings = sparse.csr_matrix((values, (rows, columns.ravel())), shape=(users, items))
    model = make_model("truncated-svd", {"factors": factors, "centred": True}).fit(ratings)
    with open_store(f"file:{directory / 'factors'}") as store:
        publish(publication_of(model), store, store, now=lambda: int(time.time() * 1000))


def _config(directory: Path) -> None:
    recommenders = {"svd": {"type": "factors", "store": "file:factors"}}
    config = {"face": "ratings", "recommenders": recommenders, "default": "svd"}
    (directory / "ratings.yml").write_text(yaml.safe_dump(config))


if __name__ == "__main__":
    main()
