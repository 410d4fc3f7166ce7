"""The service of two checkouts in turns: `python -m bench.serve.compare_checkouts ../before`.

What a change costs: CPU of the service's processes for each request, and the latency, under wrk.
Each runs in the `.venv` of its own checkout.
"""

import tempfile
from pathlib import Path
from statistics import median

import click

from bench.common.processes import cpu_seconds, processes
from bench.serve.data import data
from bench.serve.servers import free_port, served, valkey
from bench.serve.wrk import Wrk

_HERE = Path(__file__).resolve().parents[2]
_HIGHEST = 55_000
"""Port, so that there is one 10,000 above it."""


@click.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--runs", default=5, show_default=True)
@click.option("--seconds", default=4, show_default=True, help="Of load in each run.")
@click.option("--connections", type=int, multiple=True, default=(16, 64), show_default=True)
@click.option("--seed", default=31337, show_default=True)
@click.option("--out", type=Path, default=Path("out/bench/serve"), show_default=True)
def main(
    before: Path, runs: int, seconds: int, connections: tuple[int, ...], seed: int, out: Path
) -> None:
    """Print medians (and ranges) as Markdown."""
    made = data(out.resolve(), 10_000, 50_000, seed)
    wrk = Wrk(made, seed)
    checkouts = {"before": before.resolve(), "now": _HERE}
    found: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for run in range(runs):
        for name in list(checkouts)[:: 1 if run % 2 else -1]:
            root = checkouts[name]
            with tempfile.TemporaryDirectory() as log, valkey() as redis:
                port = free_port()
                while port > _HIGHEST:
                    port = free_port()
                python = root / ".venv" / "bin" / "python"  # its entry points are those of root
                command = [
                    # -P: else the working directory comes first, and both run its code.
                    *("env", f"PYTHONPATH={root}", python, "-P"),
                    *("-c", "from botify.cli import main; main()", "serve"),
                    *("--config", root / "config" / "botify.yml", "--data-dir", made.directory),
                    *("--log-dir", log, "--port", port, "--redis-timeout", 10),
                ]
                with served(command, port, redis.url) as service:
                    wrk(service.url, 16, 1)
                    for count in connections:
                        spent = cpu_seconds(processes(service.pid))
                        load = wrk(service.url, count, seconds)
                        spent = cpu_seconds(processes(service.pid)) - spent
                        figures = 1e6 * spent / load.requests, load.p99
                        found.setdefault((count, name), []).append(figures)
            click.echo(f"run {run + 1} of {runs}: {name}", err=True)
    click.echo("| connections | | CPU of a request, µs | p99, ms |\n|---:|---|---:|---:|")
    for (count, name), rows in sorted(found.items()):
        cells = [
            f"{median(c):.1f} ({min(c):.1f} to {max(c):.1f})" for c in zip(*rows, strict=True)
        ]
        click.echo(f"| {count} | {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
