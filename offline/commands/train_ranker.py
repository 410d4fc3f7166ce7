"""`botify-offline train-ranker`."""

import sys
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from offline.atomic import check_place, new_directory
from offline.options import settings
from offline.ranker.dataset import cut_in_time, read_features
from offline.ranker.export import ABOUT, FILE, draw_importance, save_ranker
from offline.ranker.fit import fit
from offline.ranker.options import RankerOptions
from offline.ranker.report import as_json, measured, tell


@click.command("train-ranker")
@click.argument("features", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Directory to write, or replace.",
)
@click.option(
    "--set",
    "set_",
    metavar="OPTION=VALUE",
    multiple=True,
    help="An option, such as depth=6; may be repeated: trees, depth, learning_rate, loss, "
    "patience, l2, negatives, seed.",
)
@click.option(
    "--validation-share",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.15,
    show_default=True,
    help="Share of the groups, later than those of the training, that ends it.",
)
@click.option(
    "--test-share",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.15,
    show_default=True,
    help="Share of the groups, the last ones, that is measured.",
)
def command(
    features: Path, out: Path, set_: tuple[str, ...], validation_share: float, test_share: float
) -> None:
    """Train a ranker of a shop's candidates on what `botify shop features` wrote.

    The groups are cut in time: training, then validation, which ends the training, then test,
    which is measured once beside popularity and the order in which the candidates came. Writes
    ranker.safetensors, which the service reads, ranker.json, and a figure of the features.
    """
    check_place(out, ABOUT)
    options = RankerOptions.of(settings(set_), "train-ranker, --set")
    found = read_features(features)
    parts = cut_in_time(found, validation_share, test_share)
    with tqdm(total=options.trees, unit="tree", disable=not sys.stderr.isatty()) as bar:
        fitted = fit(parts, found.names, options, lambda done: _move(bar, done))
    table = measured(fitted.trees, parts.test, found.names, options.seed)
    about = {
        "trees": len(fitted.trees.leaves),
        "options": options.model_dump(),
        "targets": found.about.get("targets"),
        "cuts": parts.cuts,
        "groups": {
            "train": len(parts.train.starts) - 1,
            "validation": len(parts.validation.starts) - 1,
            "test": len(parts.test.starts) - 1,
        },
        "groups across a cut, left out": parts.crossing,
        "largest difference to CatBoost": fitted.difference,
        "importance": dict(
            zip(found.names, [round(share, 4) for share in fitted.importance], strict=True)
        ),
        "test": as_json(table),
        "log": found.about.get("counts"),
    }
    with new_directory(out, ABOUT) as new:
        save_ranker(new, fitted.trees, found.names, found.fingerprint, about)
        draw_importance(new, found.names, fitted.importance)
    click.echo(f"{about['trees']} trees of {len(found.names)} features -> {out / FILE}")
    if parts.crossing:
        click.echo(f"{parts.crossing:,} groups whose labels lie across a cut are in no part")
    tell(table, click.echo)


def _move(bar: "tqdm[Any]", done: int) -> None:
    bar.update(done - bar.n)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("train-ranker")
