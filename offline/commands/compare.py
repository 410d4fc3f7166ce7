"""`botify-offline compare`."""

import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from offline.commands._common import write_text
from offline.commands._data_options import split_option
from offline.compare.page import render
from offline.compare.paired import pairs_of
from offline.compare.runs import Failed, Run, check_comparable, run
from offline.compare.text import as_text, columns
from offline.errors import InputError
from offline.evaluation.protocols import PROTOCOLS
from offline.importing.evaluated import LOADERS as FORMATS
from offline.models.registry import model_class, names_of

_ACCURACY = {
    "same-users": ("ndcg@20", "recall@20"),
    "strong": ("ndcg@100", "recall@20", "recall@50"),
}
"""Of each protocol; models are ranked by the first, and tested on it."""


@click.command("compare")
@click.argument("data", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--models",
    help="Names of models, with commas between; `botify-offline models` lists them. "
    "[default: all that learn from likes]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="The format of the data set in DATA; without it, DATA is what `import` or `collect` "
    "wrote.",
)
@split_option
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="same-users",
    show_default=True,
    help="Known users and their other likes, or new users given 80 % of their likes.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 1),
    default=31337,
    show_default=True,
    help="Seed of the models, and of the split.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write the page with the picture to, such as compare.html.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line instead of text.")
def command(
    data: Path,
    models: str | None,
    format_: str | None,
    split: str | None,
    protocol: str,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train several models on the same part of DATA, and measure them on the rest.

    One table, the best first: quality with 95 % intervals over users, what lists are like besides
    (coverage, Gini, novelty), time and memory. Each model runs in a process of its own, one after
    another, with its default options. Paired t-tests over users say which models can be told
    apart, adjusted for all pairs by Holm.

    A model that fails is named with the reason, and the exit code is 1; the others are compared.
    """
    names = names_of("likes") if models is None else [name.strip() for name in models.split(",")]
    for name in names:
        model_class(name)  # an unknown name ends it before the first model trains
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--models: {twice} is there twice")
    words = [str(data), "--protocol", protocol, "--seed", str(seed)]
    words += ["--format", format_] if format_ else []
    words += ["--split", split] if split else []
    runs: list[Run] = []
    failed: list[Failed] = []
    with tqdm(names, unit=" models", disable=None, file=sys.stderr) as bar:
        for name in bar:
            bar.set_postfix_str(name)
            found = run(name, words)
            (runs if isinstance(found, Run) else failed).append(found)  # type: ignore[arg-type]
    if not runs:
        raise InputError("; ".join(f"{each.name}: {each.reason}" for each in failed))
    check_comparable(runs)
    accuracy = _ACCURACY[protocol]
    runs.sort(key=lambda each: -float(np.nan_to_num(each.facts[accuracy[0]])))
    pairs = pairs_of({each.name: each.per_user[accuracy[0]] for each in runs})
    table = columns(accuracy[0], accuracy, runs)
    if out is not None:
        write_text(out, render(runs, failed, pairs, table))
    if as_json:
        whole: dict[str, Any] = {
            "models": [each.facts for each in runs],
            "failed": [each._asdict() for each in failed],
            "metric": accuracy[0],
            "pairs": [{**pair._asdict(), "differ": pair.differ} for pair in pairs],
        }
        click.echo(json.dumps(whole))
    else:
        click.echo(as_text(runs, failed, pairs, table))
    if out is not None:
        click.echo(f"page -> {out}", err=as_json)
    if failed:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("compare")
