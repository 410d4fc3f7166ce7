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
from offline.commands._evaluate_ratings import cross_validated, read_rated
from offline.commands._shop_protocols import PROTOCOLS as SHOP_PROTOCOLS
from offline.commands._shop_protocols import ShopOptions, measure_shop, shop_options
from offline.commands._tracked import tell_of_measures
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.evaluation.protocols import PROTOCOLS, K, Measured, measure
from offline.evaluation.ratings import FOLDS
from offline.evaluation.ratings import PROTOCOL as RATINGS
from offline.evaluation.shop.text import as_json as shop_json
from offline.evaluation.shop.text import as_text as shop_text
from offline.evaluation.splits import PUBLIC, SPLITS
from offline.importing.evaluated import LOADERS as FORMATS
from offline.memory import peak_memory
from offline.metrics.intervals import mean_over_users
from offline.models.base import Hooks, Recommender
from offline.models.registry import load_model, make_model, model_class
from offline.options import settings
from offline.tracking import check_installed

_OF_TRAINING = (
    "model",
    "set_",
    "split",
    "protocol",
    "folds",
    "targets",
    "cut",
    "part",
    "seed",
    "per_user",
)


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
    type=click.Choice([*PROTOCOLS, *SHOP_PROTOCOLS, RATINGS]),
    help="Known users and their other likes (recall@20, NDCG@20); new users given 80 % of their "
    "likes (recall@20, recall@50, NDCG@100); for the events of a shop, what came after a cut in "
    "time, or what came next in a session; or, for models of ratings, cross-validation (RMSE, "
    "MSE, MAE). [default: same-users; of models of ratings, ratings]",
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=FOLDS,
    show_default=True,
    help="Parts of the ratings, each predicted by a model of the others (--protocol ratings).",
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
@click.option("--track", is_flag=True, help="Write a run to MLflow (MLFLOW_TRACKING_URI).")
@click.pass_context
def command(
    context: click.Context,
    directory: Path,
    interactions: Path | None,
    format_: str | None,
    model: str | None,
    set_: tuple[str, ...],
    split: str | None,
    protocol: str | None,
    folds: int,
    targets: str | None,
    cut: float | None,
    part: str | None,
    seed: int,
    as_json: bool,
    per_user: Path | None,
    track: bool,
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

    A MODEL that learned from everything has nothing held out (all but the autoencoders): one with
    its options is trained on a part in its place, and the output says so. With --protocol,
    --split, --seed or --per-user that is done for every MODEL, by that protocol.
    """
    if format_ is not None and interactions is not None:
        raise click.UsageError(f"--format takes one directory, not {interactions} as well")
    if track:
        check_installed()
    given = [
        f"--{name.rstrip('_').replace('_', '-')}"
        for name in _OF_TRAINING
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    ]
    shop, of_shop = ShopOptions(targets, cut, part), protocol in SHOP_PROTOCOLS
    if interactions is None:
        model = model or ("blend" if of_shop else "linear-dae")
        options = model_class(model).Config.of(settings(set_), f"{model}, --set").model_dump()
        seed_is_set = any(pair.startswith("seed=") for pair in set_)
    else:
        if given and given[0] in ("--model", "--set"):
            raise click.UsageError(f"{given[0]} goes with data to train on, not with a model")
        trained, data = _opened(directory, interactions)
        if not given and trained.learns_from != "ratings":
            _trained(trained, data, as_json, interactions if track else None)
            return
        model, options = trained.name, trained.config.model_dump()
        directory, seed_is_set = interactions, "--seed" not in given
    protocol = _checked_protocol(protocol, model)
    if protocol != PROTOCOLS[0] and split is not None:
        raise click.UsageError(
            f"--split goes with the protocol same-users; {protocol} has its own"
        )
    if protocol in (*SHOP_PROTOCOLS, RATINGS) and per_user is not None:
        raise click.UsageError(f"--per-user does not go with --protocol {protocol}")
    if "seed" in options and not seed_is_set:
        options["seed"] = seed
    facts: dict[str, object] = {
        "model": model,
        "format": format_ or INTERACTIONS,
        "data": directory.resolve().name,
        "protocol": protocol,
    }
    bar = sys.stderr.isatty()
    if of_shop:
        made = make_model(model, options)
        rows = measure_shop(directory, format_, protocol, made, shop, seed, Hooks(progress=bar))
        facts |= {"seed": seed, **shop_json(rows)}
        click.echo(json.dumps(facts) if as_json else shop_text(rows))
        if track:
            tell_of_measures(facts, options, directory)
        return
    shop.refuse(protocol)
    if protocol == RATINGS:
        rated = read_rated(directory, format_)
        facts |= {"seed": seed, **cross_validated(model, options, rated, folds, seed, bar)}
        _tell(facts, as_json)
        if track:
            tell_of_measures(facts, options, directory)
        return
    found = measure(
        make_model(model, options),
        read_data(directory, format_),
        protocol,
        split,
        seed,
        Hooks(progress=bar),
        SPLITS if format_ is None else PUBLIC,
    )
    if per_user is not None:
        write_per_user(per_user, found.measured.per_user)
    facts |= {"split": found.told, "seed": seed, **_facts(found.measured)}
    _tell(facts, as_json)
    if track:
        tell_of_measures(facts, options, directory)


def _tell(facts: Mapping[str, object], as_json: bool) -> None:
    click.echo(json.dumps(facts) if as_json else _text(facts))


def _checked_protocol(protocol: str | None, model: str) -> str:
    """The one asked for, or the model's; raises InputError where it is not for the model."""
    of_ratings = model_class(model).learns_from == "ratings"
    if protocol is None:
        return RATINGS if of_ratings else PROTOCOLS[0]
    if (protocol == RATINGS) != of_ratings:
        own, other = ("ratings", "likes") if of_ratings else ("likes", "ratings")
        raise InputError(
            f"{model} learns from {own}, and --protocol {protocol} is for models of {other}"
        )
    return protocol


def _facts(found: Measured) -> dict[str, object]:
    facts: dict[str, object] = {
        "users": found.users,
        "items": found.items,
        "interactions": found.interactions,
        "test_users": found.test_users,
    }
    if found.with_short_choice:
        facts["note"] = (
            f"{found.with_short_choice:,} of the {found.test_users:,} test users have no more "
            f"than {K} items left that could be offered: any list of {K} has them all, so metrics "
            f"at {K} say little about the model"
        )
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


def _text(facts: Mapping[str, object]) -> str:
    lines = []
    for name, value in facts.items():
        if name.endswith("_95"):
            continue
        shown = f"{value:,.4f}" if isinstance(value, float) else f"{value}"
        if facts.get(f"{name}_95") is not None:
            shown += f" ± {facts[f'{name}_95']:,.4f}"
        lines.append(f"{name:<21}{shown}")
    return "\n".join(lines)


def _opened(model: Path, interactions: Path) -> tuple[Recommender, TrainingSet]:
    """A trained model and its data. Raises InputError where these are other data."""
    trained = load_model(model)
    data = TrainingSet.open(interactions, len(trained.popularity))
    trained.check_trained_on(data.fingerprint)
    return trained, data


def _trained(
    model: Recommender, data: TrainingSet, as_json: bool, tracked_as: Path | None
) -> None:
    """`tracked_as`: the directory of the data, for a run at MLflow; None: no run."""
    # Imported here so that measuring on a data set does not wait for torch.
    from offline.evaluation.trained_model import evaluate
    from offline.models.dae.training import K

    anew = model.held_out(data) is None
    for name, metrics in evaluate(model, data).items():
        facts: dict[str, object] = {"model": name, "users": len(metrics.ndcg)}
        for metric, values in metrics._asdict().items():
            mean, half_width = mean_over_users(values)
            facts[f"{metric}@{K}"], facts[f"{metric}@{K}_95"] = mean, min(1.0, half_width)
        if as_json:
            click.echo(json.dumps({**facts, "trained_anew": anew and name == model.name}))
        else:
            click.echo(_line(name, facts))
        if tracked_as is not None:
            options = model.config.model_dump(mode="json") if name == model.name else {}
            tell_of_measures({**facts, "data": tracked_as.resolve().name}, options, tracked_as)
    if anew and not as_json:
        click.echo(
            f"{model.name} learned from all interactions: these figures are of another one with "
            "its options, trained without those held out"
        )


def _line(name: str, facts: dict[str, object]) -> str:
    metrics = [key for key in facts if f"{key}_95" in facts]
    return f"{name:<12}" + "  ".join(
        f"{key} {facts[key]:.4f} ± {facts[f'{key}_95']:.4f}" for key in metrics
    )


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("evaluate")
