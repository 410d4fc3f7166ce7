"""Models of ratings beside scikit-surprise, on the same folds: `python -m bench.ratings`.

Each run is a program of its own, one after another. A run that is done is kept in results.jsonl
and not repeated. Tables go to stdout, progress to stderr.
"""

import sys
from pathlib import Path

import click

from bench.common.locked_venv import NoVenvError, locked_python
from bench.common.options import data_option
from bench.common.results import Found, Kept, PartError
from bench.common.tables import machine
from bench.ratings.picture import draw
from bench.ratings.table import report

LOCK = Path(__file__).with_name("surprise.lock")

FORMATS = {"ml-1m": "ml-1m", "ml-latest-small": "ml-latest", "ml-100k": "ml-100k"}
"""Data sets, each a directory of this name, and its format."""
OURS = {
    "svd": ("svd",),
    "svdpp": ("svdpp",),
    "nsvd": ("nsvd",),
    "nmf": ("nmf",),
    "bayes-mf": ("bayes-mf",),
    "truncated-svd": ("truncated-svd",),
    "truncated-svd, centred": ("truncated-svd", "--set", "centred=true"),
}
SURPRISE = ("SVD", "NMF", "SVDpp")
WORKER = Path(__file__).with_name("surprise_worker.py")
FOLDS, SEED = 5, 1
SLOW = "SVDpp"
"""Takes Surprise half an hour of ML-1M: there, by default, one pass of one fold."""


@click.command()
@click.option("--datasets", default=",".join(FORMATS), show_default=True)
@click.option("--models", default=";".join(OURS), show_default=True)
@data_option
@click.option(
    "--large", type=click.Path(path_type=Path), help="Interactions of millions, to time."
)
@click.option("--surprise/--no-surprise", default=True, show_default=True)
@click.option("--whole", is_flag=True, help="Surprise's SVD++ on ML-1M in full: hours.")
@click.option("--fresh", is_flag=True, help="Forget the runs that are kept.")
@click.option("--plot", type=Path, help="A picture of error over time on the first data set.")
@click.option("--out", type=Path, default=Path("out/bench-ratings"), show_default=True)
@click.option("--venv", type=Path, default=Path("out/surprise-venv"), show_default=True)
def main(
    datasets: str,
    models: str,
    data: Path,
    large: Path | None,
    surprise: bool,
    whole: bool,
    fresh: bool,
    plot: Path | None,
    out: Path,
    venv: Path,
) -> None:
    """Print error, time and memory of the models as Markdown."""
    kept = Kept(out / "results.jsonl", fresh=fresh)
    python = _python(venv) if surprise else None
    failed = False
    results: dict[str, dict[str, Found]] = {}
    for name in datasets.split(","):
        directory = data / name
        if not directory.is_dir():
            click.echo(f"{name} is left out: no directory {directory}", err=True)
            continue
        found = results[name] = {}
        commands = dict(_commands(name, directory, models.split(";"), python, out, whole, kept))
        for key, command in commands.items():
            try:
                found[key] = kept.get(f"{name} {key}", command)
            except PartError as error:
                click.echo(f"{name}, {key} failed: {error}", err=True)
                failed = True
    if large is not None:
        command = (sys.executable, "-m", "bench.ratings.large", large)
        results["large"] = {"svd": kept.get("large svd", command)}
    click.echo(
        f"Each run is a process of its own; {machine()}; {FOLDS} folds of seed {SEED}, the same "
        "for all. CPU is of all folds together, training and prediction.\n"
    )
    report(results)
    first = next(iter(results), None)
    if plot is not None and first is not None:
        draw(results[first], f"Models of ratings on {first}", plot)
    if failed:
        sys.exit(1)


def _python(venv: Path) -> Path | None:
    try:
        return locked_python(venv, LOCK, "scikit-surprise")
    except NoVenvError as error:
        click.echo(f"scikit-surprise is left out, it cannot be installed: {error}", err=True)
        return None


def _commands(
    name: str,
    directory: Path,
    models: list[str],
    python: Path | None,
    out: Path,
    whole: bool,
    kept: Kept,
) -> list[tuple[str, tuple[object, ...]]]:
    ours = (sys.executable, "-m", "bench.ratings.ours", directory, "--format", FORMATS[name])
    seed = ("--folds", FOLDS, "--seed", SEED)
    found: list[tuple[str, tuple[object, ...]]] = []
    if name == "ml-1m":
        found.append(("svd, 20,000 steps of 700", (*ours, "--steps", 20_000)))
    found += [(model, (*ours, *seed, "--model", *OURS[model])) for model in models]
    if python is not None:
        folds = (out / f"{name}.npz").absolute()
        kept.get(f"{name} folds", (*ours, *seed, "--write", folds))
        for algorithm in SURPRISE:
            part: tuple[object, ...] = ("--folds", *range(FOLDS))
            if algorithm == SLOW and name == "ml-1m" and not whole:
                part = ("--folds", 0, "--epochs", 1)
            command = (python, WORKER, folds, "--algorithm", algorithm, *part, "--seed", SEED)
            found.append((f"Surprise {algorithm}", command))
    return found


if __name__ == "__main__":
    main()
