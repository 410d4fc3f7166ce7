"""`botify-offline evaluate`."""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from offline.commands._data_options import INTERACTIONS, read_data, split_option
from offline.commands._shop_protocols import PROTOCOLS as SHOP_PROTOCOLS
from offline.commands._shop_protocols import ShopOptions, measure_shop, shop_options
from offline.errors import InputError
from offline.evaluation.protocols import PROTOCOLS, Measured, measure
from offline.evaluation.shop.text import as_json as shop_json
from offline.evaluation.shop.text import as_text as shop_text
from offline.evaluation.splits import PUBLIC, SPLITS
from offline.importing.evaluated import LOADERS as FORMATS
from offline.memory import peak_memory
from offline.metrics.intervals import mean_over_users
from offline.models.base import Hooks
from offline.models.registry import load_model, make_model, model_class
from offline.options import settings

_OF_TRAINING = ["model", "set_", "split", "protocol", "targets", "cut", "part", "seed", "per_user"]


@click.command("evaluate")
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="The format of the data set in DIRECTORY.",
)
@click.option(
    "--model",
    help="The name of a model; `botify-offline models` lists them. [default: linear-dae, for "
    "time-cut and next-item blend]",
)
@click.option(
    "--set",
    "set_",
    metavar="OPTION=VALUE",
    multiple=True,
    help="An option of the model, such as factors=128; may be repeated.",
)
@split_option
@click.option(
    "--protocol",
    type=click.Choice((*PROTOCOLS, *SHOP_PROTOCOLS)),
    default="same-users",
    show_default=True,
    help="Known users and their other likes (recall@20, NDCG@20), or new users given 80 % "
    "of their likes (recall@20, recall@50, NDCG@100); for the events of a shop, what came after a "
    "cut in time, or what came next in a session.",
)
@shop_options[0]
@shop_options[1]
@shop_options[2]
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 1),
    default=31337,
    show_default=True,
    help="Seed of the model, and of the split where the data has none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line instead of text.")
@click.option(
    "--per-user",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write each test user's values to: NumPy's .npz, an array for each metric.",
)
@click.pass_context
def command(
    context: click.Context,
    directory: Path,
    interactions: Path | None,
    format_: str | None,
    model: str | None,
    set_: tuple[str, ...],
    split: str | None,
    protocol: str,
    targets: str | None,
    cut: float | None,
    part: str | None,
    seed: int,
    as_json: bool,
    per_user: Path | None,
) -> None:
    """Train and measure a model on data, or measure one that is trained.

    \b
    evaluate INTERACTIONS                trains on a part of what `import` or `collect` wrote
    evaluate DIRECTORY --format FORMAT   trains on a part of the data set in DIRECTORY
    evaluate MODEL INTERACTIONS          measures the model directory MODEL on what its
                                         training held out of INTERACTIONS, next to popularity

    The protocols time-cut and next-item have popularity and co-visitation in every table beside
    the model (docs/how-to/evaluate-a-shop.md).

    Metrics are means over users with a 95 % interval; what the user was trained on is not
    offered. How the data was divided is told with them.
    """
    if format_ is None and interactions is not None:
        given = [
            f"--{name.rstrip('_').replace('_', '-')}"
            for name in _OF_TRAINING
            if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
        ]
        if given:
            raise click.UsageError(f"{given[0]} goes with data to train on, not with a model")
        _trained(directory, interactions, as_json)
        return
    if interactions is not None:
        raise click.UsageError(f"--format takes one directory, not {interactions} as well")
    if protocol == "strong" and split is not None:
        raise click.UsageError("--split goes with the protocol same-users; strong has its own")
    shop, of_shop = ShopOptions(targets, cut, part), protocol in SHOP_PROTOCOLS
    model = model or ("blend" if of_shop else "linear-dae")
    options = model_class(model).Config.of(settings(set_), f"{model}, --set").model_dump()
    if "seed" in options and not any(pair.startswith("seed=") for pair in set_):
        options["seed"] = seed
    about: dict[str, object] = {
        "model": model,
        "format": format_ or INTERACTIONS,
        "data": directory.resolve().name,
        "protocol": protocol,
    }
    hooks = Hooks(progress=sys.stderr.isatty())
    if of_shop:
        for name, given in (("split", split), ("per-user", per_user)):
            if given is not None:
                raise click.UsageError(f"--{name} does not go with --protocol {protocol}")
        made = make_model(model, options)
        rows = measure_shop(directory, format_, protocol, made, shop, seed, hooks)
        facts = about | {"seed": seed} | shop_json(rows)
        click.echo(json.dumps(facts) if as_json else shop_text(rows))
        return
    shop.refuse(protocol)
    found = measure(
        make_model(model, options),
        read_data(directory, format_),
        protocol,
        split,
        seed,
        hooks,
        SPLITS if format_ is None else PUBLIC,
    )
    if per_user is not None:
        write_per_user(per_user, found.measured.per_user)
    facts = about | {
        "split": found.told,
        "seed": seed,
        **_facts(found.measured),
    }
    click.echo(json.dumps(facts) if as_json else _text(facts))


def _facts(found: Measured) -> dict[str, object]:
    facts: dict[str, object] = {
        "users": found.users,
        "items": found.items,
        "interactions": found.interactions,
        "test_users": found.test_users,
    }
    for name, values in found.per_user.items():
        mean, half_width = mean_over_users(values)
        facts[name], facts[f"{name}_95"] = _number(mean), _number(half_width)
    facts |= found.overall
    facts["seconds_to_train"] = round(found.seconds_to_train, 3)
    facts["seconds_to_recommend"] = round(found.seconds_to_recommend, 3)
    facts["peak_memory_mb"] = round(peak_memory() / 2**20, 1)
    return facts


def write_per_user(path: Path, values: Mapping[str, NDArray[np.float64]]) -> None:
    """Raises InputError where the file cannot be written."""
    try:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **values)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _text(facts: dict[str, object]) -> str:
    lines = []
    for name, value in facts.items():
        if name.endswith("_95"):
            continue
        shown = f"{value:,.4f}" if isinstance(value, float) else f"{value}"
        if facts.get(f"{name}_95") is not None:
            shown += f" ± {facts[f'{name}_95']:,.4f}"
        lines.append(f"{name:<21}{shown}")
    return "\n".join(lines)


def _trained(model: Path, interactions: Path, as_json: bool) -> None:
    # Imported here so that measuring on a data set does not wait for what reads logs.
    from offline.data.training_set import TrainingSet
    from offline.evaluation.trained_model import evaluate
    from offline.models.dae.recommender import DAERecommender
    from offline.models.dae.training import K

    trained = load_model(model)
    if not isinstance(trained, DAERecommender):
        raise InputError(
            f"{model}: {trained.name} learns from everything, and nothing is held out to "
            f"measure it by: train it on a part, `evaluate {interactions} --model {trained.name}`"
        )
    found = evaluate(trained, TrainingSet.open(interactions, len(trained.popularity)))
    for name, metrics in found.items():
        facts: dict[str, object] = {"model": name, "users": len(metrics.ndcg)}
        for metric, values in metrics._asdict().items():
            mean, half_width = mean_over_users(values)
            facts[f"{metric}@{K}"], facts[f"{metric}@{K}_95"] = mean, min(1.0, half_width)
        click.echo(json.dumps(facts) if as_json else _line(name, facts))


def _line(name: str, facts: dict[str, object]) -> str:
    metrics = [key for key in facts if f"{key}_95" in facts]
    return f"{name:<8}" + "  ".join(
        f"{key} {facts[key]:.4f} ± {facts[f'{key}_95']:.4f}" for key in metrics
    )


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("evaluate")
