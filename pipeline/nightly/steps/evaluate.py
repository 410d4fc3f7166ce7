"""evaluate: the candidate's lists and the serving ones, on the same visitors after the cut."""

import json
from pathlib import Path

import duckdb
import numpy as np

from pipeline.nightly.config import Config, Split
from pipeline.nightly.directory import Result, StopNightError, write_json
from pipeline.nightly.drift import Numbers
from pipeline.nightly.faces import FACES, Face
from pipeline.nightly.measure import Lists, Visitor, facts, per_visitor, read_lists, visitors
from pipeline.nightly.rating_errors import Means, Published, minus_rmse
from pipeline.nightly.steps.split import HELD_OUT, TRAIN
from pipeline.nightly.steps.train import FACTORS

OUT, VALUES = "evaluation.json", "per_visitor.npz"
_EVENTS = """
SELECT "user", item, event, judged FROM (
    SELECT CAST("user" AS VARCHAR) "user", CAST(item AS VARCHAR) item, event,
        CAST(timestamp AS BIGINT) timestamp, false AS judged
    FROM read_csv('{train}', all_varchar = true)
    UNION ALL SELECT "user", item, event, timestamp, {judged} FROM read_parquet('{held_out}')
) ORDER BY "user", timestamp, item, event
"""
_RATINGS = 'SELECT "user", item, CAST(value AS DOUBLE) FROM {read} ORDER BY ALL'


def work(split: Path, candidate: Path, serving: Path | None, config: Config, out: Path) -> Result:
    """Write evaluation.json and per_visitor.npz.

    Where nothing serves yet, the candidate is judged against popular items alone; predicted
    ratings against each item's mean.
    """
    face, k = FACES[config.face], config.gate.k
    found = visitors(duckdb.execute(_events(split, config.split)).fetchall(), config.split.targets)
    with config.items.open() as lines:
        items = frozenset(str(json.loads(line)[face.item]) for line in lines)
    new = _read(candidate, face)
    old = _read(serving, face) if serving else Lists({}, {}, new.popular)
    told = {"visitors": float(len(found))}
    _, popular = _measured(Lists({}, {}, new.popular), found, k, items)
    told |= {f"popular_{metric}": value for metric, value in popular.items()}
    arrays: dict[str, Numbers] = {}
    for name, lists in (("old", old), ("new", new)):
        values, described = _measured(lists, found, k, items)
        arrays |= {f"{name}_{metric}": array for metric, array in values.items()}
        told |= {f"{name}_{metric}": value for metric, value in described.items()}
    if face.primary != "ndcg":
        errors = _errors(split, candidate, serving, [each.user for each in found])
        for name, array in errors.items():
            arrays[f"{name}_{face.primary}"] = array
            if len(array):
                told[f"{name}_{face.primary}"] = float(array.mean())
    np.savez(out / VALUES, allow_pickle=False, **arrays)
    write_json(out / OUT, told)
    return Result(told)


def _events(split: Path, settings: Split) -> str:
    least = settings.least_value
    return _EVENTS.format(
        train=split / TRAIN,
        held_out=split / HELD_OUT,
        judged="true" if least is None else f"value >= {least}",
    )


def _errors(
    split: Path, candidate: Path, serving: Path | None, users: list[str]
) -> dict[str, Numbers]:
    learned = f"read_csv('{split / TRAIN}', all_varchar = true)"
    means = Means(duckdb.execute(_RATINGS.format(read=learned)).fetchall())
    given = duckdb.execute(_RATINGS.format(read=f"read_parquet('{split / HELD_OUT}')")).fetchall()
    found = {}
    for name, lists in (("old", serving), ("new", candidate)):
        try:
            published = Published(lists / FACTORS) if lists else None
        except (OSError, ValueError) as error:
            raise StopNightError(f"the factors in {lists} cannot be read: {error!r}") from None
        found[name] = minus_rmse(published, users, given, means)
        if published:
            published.close()
    return found


def _read(directory: Path, face: Face) -> Lists:
    try:
        return read_lists(directory, face)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StopNightError(f"the lists in {directory} cannot be read: {error!r}") from None


def _measured(
    lists: Lists, found: list[Visitor], k: int, items: frozenset[str]
) -> tuple[dict[str, Numbers], dict[str, float]]:
    values = per_visitor(lists, found, k)
    means = {}
    for name, array in values.items():
        known = array[~np.isnan(array)]
        if len(known):
            means[f"{name}_{k}"] = float(known.mean())
    return values, means | facts(lists, found, k, items)
