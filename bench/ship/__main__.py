"""Shipping to HDFS beside the plain client of the package `hdfs`: `make bench-ship`.

Two loads: one large log, and many small ones. Starts the one-node HDFS of --hdfs-script on its
default ports, or takes the one of --url.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import click
from hdfs import InsecureClient

from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.hdfs import HdfsTarget, connect
from script.shipping.transfer import Options

_USER = "bench"
_LINE = (
    '{"message": "next", "timestamp": %d, "user": %d, "track": %d, "time": %.17g, '
    '"latency": %.17g, "recommendation": %d, "experiments": {"DAE_VS_CONTEXTUAL": "T%d"}}\n'
)
_PLAIN_FILES = 100
"""The plain client writes one file for each log: this many show its rate."""


url_option = click.option("--url", help="WebHDFS to use; without it --hdfs-script starts one.")
hdfs_script_option = click.option(
    "--hdfs-script",
    type=click.Path(path_type=Path),
    envvar="BOTIFY_HDFS_SCRIPT",
    show_envvar=True,
    help="Script that starts and stops an HDFS of one node under $HDFS_BASE.",
)


@click.command()
@url_option
@hdfs_script_option
@click.option(
    "--megabytes", default=(512, 3072), multiple=True, show_default=True, help="Of a large log."
)
@click.option("--files", default=10_000, show_default=True, help="Small logs, of 1 kB.")
@click.option("--runs", default=5, show_default=True, help="Of which the median is shown.")
def main(
    url: str | None, hdfs_script: Path | None, megabytes: tuple[int, ...], files: int, runs: int
) -> None:
    """Time both ways in turn, and print a table of each load."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-ship-")))
        url = url or stack.enter_context(started(hdfs_script, folder / "hdfs"))
        plain = InsecureClient(url, user=_USER, timeout=(10, 120))
        small, some = folder / "small", folder / "some"
        _write_small(small, files)
        _write_small(some, _PLAIN_FILES)
        for size in megabytes:
            large = folder / f"large{size}"
            _write_large(large, size << 20)
            _large(plain, large, runs)
        _small(plain, small, some, files, runs)


def _large(plain: InsecureClient, log: Path, runs: int) -> None:
    [path] = log.iterdir()
    ways: dict[str, Callable[[], object]] = {
        "the client's `upload`, one file, not verified": lambda: plain.upload(
            f"/user/{_USER}/plain/data.json", str(path)
        ),
        "ours, verified and recorded": lambda: _ship(plain.url, log, Options()),
        "ours, in parts of 128 MiB": lambda: _ship(plain.url, log, Options(part_bytes=128 << 20)),
        "ours, zstd": lambda: _ship(plain.url, log, Options(compression="zstd")),
    }
    seconds = _in_turn(plain, ways, runs)
    megabytes = path.stat().st_size / 1e6
    base = median(next(iter(seconds.values())))
    click.echo(f"\nOne log of {megabytes:,.0f} MB, median (and range) of {runs} runs:\n")
    click.echo("| | s | MB/s | rate / the client's |\n|---|---|---|---|")
    for name, found in seconds.items():
        middle = median(found)
        click.echo(
            f"| {name} | {middle:.2f} ({min(found):.2f} to {max(found):.2f}) "
            f"| {megabytes / middle:.0f} | {base / middle:.2f} |"
        )


def _small(plain: InsecureClient, logs: Path, some: Path, files: int, runs: int) -> None:
    ways: dict[str, Callable[[], object]] = {
        f"the client's `upload`, 4 threads, {_PLAIN_FILES} logs": lambda: plain.upload(
            f"/user/{_USER}/plain", str(some), n_threads=4
        ),
        f"ours, {files:,} logs": lambda: _ship(plain.url, logs, Options()),
    }
    seconds = _in_turn(plain, ways, runs)
    click.echo(f"\nLogs of 1 kB, median (and range) of {runs} runs:\n")
    click.echo("| | s | logs/s |\n|---|---|---|")
    for (name, found), count in zip(seconds.items(), (_PLAIN_FILES, files), strict=True):
        middle = median(found)
        click.echo(
            f"| {name} | {middle:.2f} ({min(found):.2f} to {max(found):.2f}) "
            f"| {count / middle:,.0f} |"
        )
    _ship(plain.url, logs, Options())
    began = time.perf_counter()
    _ship(plain.url, logs, Options())
    again = time.perf_counter() - began
    click.echo(f"| ours again, with nothing new | {again:.2f} | |")


def _ship(url: str, log: Path, options: Options) -> None:
    target = HdfsTarget(connect(url, _USER), f"/user/{_USER}/ours")
    Shipper(target, options).ship(find_logs(log))


def _in_turn(
    plain: InsecureClient, ways: dict[str, Callable[[], object]], runs: int
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            plain.delete(f"/user/{_USER}", recursive=True)
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    plain.delete(f"/user/{_USER}", recursive=True)
    return seconds


def _write_large(directory: Path, size: int) -> None:
    directory.mkdir()
    with (directory / "data.json").open("w") as file:
        for number in range(size):
            file.write(_line(number))
            if number % 1024 == 0 and file.tell() >= size:
                break


def _write_small(directory: Path, count: int) -> None:
    directory.mkdir()
    for number in range(count):
        lines = "".join(_line(8 * number + i) for i in range(5))
        (directory / f"data.json.{number}").write_text(lines)


def _line(number: int) -> str:
    share = number * 0.6180339887498949 % 1
    values = (1_700_000_000_000 + number, number * 7919 % 10_000, number * 104_729 % 50_000)
    return _LINE % (*values, share, share / 1e4, number * 15_485_863 % 50_000, number % 2)


@contextmanager
def started(script: Path | None, base: Path) -> Iterator[str]:
    if script is None:
        raise click.UsageError(
            "no HDFS: give --url of one that runs, or --hdfs-script (BOTIFY_HDFS_SCRIPT) to start "
            "one"
        )
    if not script.exists() or shutil.which("java") is None:
        raise click.UsageError(f"no HDFS: {script} or java is absent; --url names one that runs")
    environment = os.environ | {"HDFS_BASE": str(base)}
    base.mkdir()
    subprocess.run([script, "start"], env=environment, check=True, stdout=subprocess.DEVNULL)
    try:
        yield "http://127.0.0.1:50070"
    finally:
        subprocess.run([script, "stop"], env=environment, check=True)


if __name__ == "__main__":
    main()
