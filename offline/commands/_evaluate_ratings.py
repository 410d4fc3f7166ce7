"""Measuring a model of ratings: `evaluate` for `--protocol ratings`."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from contract.interactions import SUMMARY
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.evaluation.ratings import CrossValidated, cross_validate
from offline.importing.import_data import import_data
from offline.importing.load import load_source
from offline.importing.registry import make_format
from offline.importing.source import Columns
from offline.memory import peak_memory
from offline.models.ratings import RatingModel
from offline.models.registry import make_model


def read_rated(directory: Path, format_: str | None) -> TrainingSet:
    """All ratings of interactions, or of a data set of that format. Raises InputError."""
    if format_ is None:
        if not (directory / SUMMARY).is_file():
            raise InputError(
                f"{directory}: no interactions there: make them with `botify-offline import`, or "
                "add --format"
            )
        return TrainingSet.of_ratings(directory)
    with tempfile.TemporaryDirectory() as scratch:
        source = make_format(format_).open(directory, Columns())
        load_source(source, Path(scratch) / "data", format_)
        return TrainingSet.of_ratings(Path(scratch) / "data")


def read_rated_file(path: Path) -> TrainingSet:
    """All ratings of interactions, or of a file such as MovieLens' ratings.dat or ratings.csv.

    Raises InputError.
    """
    if (path / SUMMARY).is_file():
        return TrainingSet.of_ratings(path)
    with tempfile.TemporaryDirectory() as scratch:
        # A CSV file is read by its header; what else lies beside it does not matter.
        import_data(path, Path(scratch) / "data", "csv" if path.suffix == ".csv" else None)
        return TrainingSet.of_ratings(Path(scratch) / "data")


def cross_validated(
    name: str, options: Mapping[str, Any], data: TrainingSet, folds: int, seed: int, bar: bool
) -> dict[str, object]:
    """What `evaluate` prints of k folds. Raises InputError."""

    def make() -> RatingModel:
        return cast(RatingModel, make_model(name, options))

    return facts_of(cross_validate(make, data, folds, seed, bar))


def facts_of(found: CrossValidated) -> dict[str, object]:
    """By name; the interval of a value is named after it, with _95."""
    folds = found.folds
    facts: dict[str, Any] = {
        "split": f"{len(folds)} folds drawn by the seed; each is predicted whole, by a model of "
        "the others; predictions are clipped to the scale",
        "users": found.users,
        "items": found.items,
        "ratings": found.ratings,
        "scale": f"{found.scale[0]:g} to {found.scale[1]:g}",
    }
    for metric in ("rmse", "mse", "mae"):
        facts[metric], facts[f"{metric}_95"] = found.estimate(metric)
    facts["rmse_of_folds"] = [round(fold.errors.rmse, 5) for fold in folds]
    facts["rmse_of_biases"] = sum(fold.of_biases.rmse for fold in folds) / len(folds)
    if facts["rmse_of_biases"] <= facts["rmse"]:
        facts["remark"] = (
            "biases of users and items alone predict better: on data of this kind or size the "
            "model has learned noise; fewer factors or a larger penalty (--set) may mend it"
        )
    facts["pairs_of_new_users"] = sum(fold.new_users for fold in folds)
    facts["pairs_of_new_items"] = sum(fold.new_items for fold in folds)
    for name in ("seconds_to_train", "seconds_to_predict"):
        facts[name] = round(sum(getattr(fold, name) for fold in folds) / len(folds), 3)
    facts["peak_memory_mb"] = round(peak_memory() / 2**20, 1)
    return facts
