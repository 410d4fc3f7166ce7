"""Every model on every public data set at hand: `python -m bench.quality`.

Each run is a program of its own: `botify-offline evaluate` with its defaults, and RecBole's
MultiDAE in its own environment. A run that is done is kept in results.jsonl and not repeated, so
the benchmark resumes where it was stopped. Tables go to stdout, progress to stderr.
"""

import sys
from pathlib import Path

import click

from bench.common.options import data_option
from bench.common.results import Found, Kept, PartError
from bench.common.tables import machine
from bench.quality.table import MODELS, report

OFFLINE = Path(sys.executable).with_name("botify-offline")
FORMATS = {
    "lastfm-2k": "lastfm-2k",
    "ml-1m": "ml-1m",
    "retailrocket-2k": "retailrocket",
    "gowalla": "lightgcn",
}
"""Data sets, each a directory of this name, and the format that `evaluate` reads."""
WITHOUT_CHANCE = {"popular", "item-knn", "ease"}
"""Models that give the same lists whatever the seed; on data with a split of its own, once."""


@click.command()
@click.option("--datasets", default=",".join(FORMATS), show_default=True)
@click.option("--models", default=",".join(MODELS), show_default=True)
@click.option("--seeds", default="1,2,3", show_default=True)
@data_option
@click.option("--fresh", is_flag=True, help="Forget the runs that are kept.")
@click.option("--report-only", is_flag=True, help="Run nothing; print the kept results.")
@click.option("--out", type=Path, default=Path("out/bench-quality"), show_default=True)
@click.option("--venv", type=Path, default=Path("out/recbole-venv"), show_default=True)
def main(
    datasets: str,
    models: str,
    seeds: str,
    data: Path,
    fresh: bool,
    report_only: bool,
    out: Path,
    venv: Path,
) -> None:
    """Print quality, time and memory of the models as Markdown."""
    wanted = _chosen(datasets, FORMATS, "--datasets"), _chosen(models, MODELS, "--models")
    numbers = [int(seed) for seed in seeds.split(",")]
    kept = Kept(out / "results.jsonl", fresh=fresh)
    failed = False
    results: dict[str, dict[str, list[Found]]] = {}
    for dataset in wanted[0]:
        directory = data / dataset
        if not directory.is_dir():
            click.echo(f"{dataset} is left out: no directory {directory}", err=True)
            continue
        results[dataset] = {}
        for model in wanted[1]:
            once = model in WITHOUT_CHANCE and FORMATS[dataset] == "lightgcn"
            runs = results[dataset][model] = []
            for seed in numbers[:1] if once else numbers:
                key = f"{dataset} {model} seed {seed}"
                if report_only and key not in kept.found:
                    continue
                command = _command(directory, FORMATS[dataset], model, seed, venv)
                if model == "recbole-multidae" and runs:
                    # As many as the first seed chose: choosing anew for each seed takes hours.
                    command += ("--epochs", runs[0]["epochs"])
                try:
                    runs.append(kept.get(key, command))
                except PartError as error:
                    click.echo(f"{dataset}, {model}, seed {seed} failed: {error}", err=True)
                    failed = True
    click.echo(
        f"Each run is a process of its own; {machine()}; seeds {seeds}. Quality: mean ± standard "
        "deviation over seeds; where the data comes without a split, the seed draws that too. "
        "Times and memory: median (smallest to largest).\n"
    )
    report(results)
    if failed:
        sys.exit(1)


def _command(data: Path, format_: str, model: str, seed: int, venv: Path) -> tuple[object, ...]:
    options = ("--format", format_, "--seed", seed)
    if model == "recbole-multidae":
        return (sys.executable, "-m", "bench.quality.recbole", data, *options, "--venv", venv)
    return (OFFLINE, "evaluate", data, *options, "--model", model, "--json")


def _chosen(names: str, known: dict[str, str], option: str) -> list[str]:
    chosen = names.split(",")
    for name in chosen:
        if name not in known:
            raise click.BadParameter(f"{name}: there are {', '.join(known)}", param_hint=option)
    return chosen


if __name__ == "__main__":
    main()
