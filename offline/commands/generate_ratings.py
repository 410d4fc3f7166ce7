"""`botify-offline generate-ratings`: ratings whose best possible error is known."""

import sys
import time
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from offline.synthetic.generate import Options, generate_ratings
from offline.synthetic.planted import NOISE_SD, Scale
from offline.synthetic.truth import TRUTH


@click.command("generate-ratings")
@click.option("--users", type=int, default=1_000_000, show_default=True)
@click.option("--items", type=int, default=1_000, show_default=True)
@click.option("--ratings", type=int, default=30_000_000, show_default=True, help="In all.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Directory to write, or replace."
)
@click.option(
    "--format",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
)
@click.option(
    "--pattern",
    type=click.Choice(["planted", "uniform"]),
    default="planted",
    show_default=True,
    help="uniform: noise alone, of which nothing can be learned.",
)
@click.option(
    "--scale",
    type=float,
    nargs=3,
    default=(0.5, 5.0, 0.5),
    show_default=True,
    metavar="LOW HIGH STEP",
    help="The values that a rating can have.",
)
@click.option("--factors", type=int, default=8, show_default=True, help="Planted, of each.")
@click.option(
    "--noise",
    type=float,
    help=f"Standard deviation, in the scale's units.  [default: {NOISE_SD} on a scale of 4.5]",
)
@click.option("--threads", type=click.IntRange(min=1), help="[default: as many as cores]")
def command(
    out: Path, scale: tuple[float, float, float], threads: int | None, **more: Any
) -> None:
    """Make ratings of which the best possible RMSE is known.

    A rating is a mean, a bias of the user, one of the item, the product of their factors, and
    noise, rounded to the scale. Few items have most of the ratings, and few users give most. The
    files depend on the options alone, not on the number of threads; OUT/truth.json has what is
    known. `botify-offline score` puts an RMSE between the mean (0) and the oracle (100).
    """
    options = Options(scale=Scale(*scale), **more)
    started = time.perf_counter()
    with tqdm(
        total=options.ratings, unit=" ratings", unit_scale=True, disable=None, file=sys.stderr
    ) as bar:
        truth = generate_ratings(options, out, threads=threads, report=bar.update)
    seconds = time.perf_counter() - started
    click.echo(
        f"{truth.ratings:,} ratings of {truth.users:,} users and {truth.items:,} items in "
        f"{seconds:.1f} s"
    )
    click.echo(f"RMSE of the mean: {truth.rmse_mean:.4f}")
    click.echo(
        f"best possible RMSE: {truth.rmse_oracle:.4f} (on average over the noise "
        f"{truth.rmse_expected:.4f})"
    )
    if truth.pattern == "uniform":
        click.echo("nothing can be learned: no model can be better than the mean")
    click.echo(f"wrote {out} ({out / TRUTH} has what is known)")


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("generate-ratings")
