"""How fast the autoencoder trains: `python -m bench.train`.

Beside the plain dense loop, on data made from a seed: seconds an epoch, time to the quality that
the dense loop reaches, lists of all users, memory; then a million users streamed from disk, and
two processes against one. Each part is a program of its own, so that its peak memory is its own.
A part that is done is kept in results.jsonl and not run again. Tables go to stdout, progress to
stderr.
"""

import sys
from pathlib import Path

import click

from bench.common.results import Found, Kept, PartError
from bench.common.tables import machine
from bench.train.data import Size, made
from bench.train.tables import (
    report_epochs,
    report_lists,
    report_processes,
    report_quality,
    report_scale,
)

BASELINE, CURVE, OURS = "dense_baseline", "dense_curve", "ours"
TORCHRUN = Path(sys.executable).with_name("torchrun")
PARTS = ("epochs", "quality", "lists", "scale", "processes")


class Bench:
    """Runs programs on one set of interactions, each once."""

    def __init__(self, kept: Kept, data: Path, size: Size) -> None:
        self._kept, self._data, self.size = kept, data, size

    def run(self, script: str, *arguments: object, processes: int = 1) -> Found:
        """The script's result. The data is made when the first script asks for it."""
        size = self.size
        key = f"{size.n_users} x {size.n_items} x {size.mean} seed {size.seed}"
        python: tuple[object, ...] = (sys.executable, "-m")
        if processes > 1:
            python = (TORCHRUN, "--standalone", "--nproc-per-node", processes, "-m")
        key = f"{key} {processes} {script} {' '.join(map(str, arguments))}"
        if key not in self._kept.found:
            made(self._data, size)
        return self._kept.get(
            key, (*python, f"bench.train.{script}", self._data, *arguments, "--seed", size.seed)
        )


@click.command()
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="One part; may be repeated.")
@click.option("--users", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option("--items", type=click.IntRange(min=100), default=50_000, show_default=True)
@click.option("--mean", type=click.IntRange(min=1), default=70, help="Items a user.")
@click.option("--scale", default="100000,1000000", show_default=True, help="Users streamed.")
@click.option("--dense-epochs", default=1, show_default=True, help="Epochs timed of the baseline.")
@click.option("--steps", type=click.IntRange(min=1), help="Time only this number of their steps.")
@click.option("--epochs", default=30, show_default=True, help="Most epochs to the best quality.")
@click.option("--patience", default=5, show_default=True, help="Epochs without a better one.")
@click.option("--seed", default=31337, show_default=True)
@click.option("--fresh", is_flag=True, help="Forget the parts that are kept.")
@click.option("--out", type=Path, default=Path("out/bench-train"), show_default=True)
def main(
    only: tuple[str, ...],
    users: int,
    items: int,
    mean: int,
    scale: str,
    dense_epochs: int,
    steps: int | None,
    epochs: int,
    patience: int,
    seed: int,
    fresh: bool,
    out: Path,
) -> None:
    """Print the speed of training as Markdown: median (smallest to largest)."""
    parts = only or PARTS
    kept = Kept(out / "results.jsonl", fresh=fresh)
    bench = Bench(kept, out / "data", Size(users, items, mean, seed))
    few = () if steps is None else ("--steps", steps)
    baseline = ("epochs", "--epochs", dense_epochs, *few)
    most = ("--epochs", epochs, "--patience", patience)
    click.echo(
        f"{users:,} users × {items:,} tracks × {mean} on average, hidden [300, 50]; each part a "
        f"process of its own; {machine()}.\n"
    )
    try:
        if "epochs" in parts:
            report_epochs(bench.run(BASELINE, *baseline), bench.run(OURS, "epochs", *most))
        if "quality" in parts:
            report_quality(
                bench.run(BASELINE, *baseline),
                bench.run(CURVE, *most),
                bench.run(OURS, "epochs", *most),
            )
        if "lists" in parts:
            report_lists(bench.run(BASELINE, "lists"), bench.run(OURS, "lists"))
        if "scale" in parts:
            sizes = [Size(int(n), items, 30, seed) for n in scale.split(",")]
            streams = {s.n_users: Bench(kept, out / f"data-{s.n_users}", s) for s in sizes}
            report_scale(
                {n: stream.run(OURS, "epochs", "--epochs", 1) for n, stream in streams.items()}
            )
        if "processes" in parts:
            report_processes({n: bench.run(OURS, "epochs", *most, processes=n) for n in (1, 2)})
    except PartError as error:
        sys.exit(f"a part failed: {error}")


if __name__ == "__main__":
    main()
