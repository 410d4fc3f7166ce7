"""evaluate: the candidate's lists and the serving ones, on the same visitors after the cut."""

import json
from pathlib import Path

import duckdb
import numpy as np

from pipeline.nightly.config import Config
from pipeline.nightly.directory import Result, StopNightError, write_json
from pipeline.nightly.drift import Numbers
from pipeline.nightly.measure import Lists, Visitor, facts, per_visitor, read_lists, visitors
from pipeline.nightly.steps.split import HELD_OUT, TRAIN

OUT, VALUES = "evaluation.json", "per_visitor.npz"
_EVENTS = """
SELECT "user", item, event, held_out FROM (
    SELECT CAST("user" AS VARCHAR) "user", CAST(item AS VARCHAR) item, event,
        CAST(timestamp AS BIGINT) timestamp, false AS held_out
    FROM read_csv('{train}', all_varchar = true)
    UNION ALL SELECT "user", item, event, timestamp, true FROM read_parquet('{held_out}')
) ORDER BY "user", timestamp, item, event
"""


def work(split: Path, candidate: Path, serving: Path | None, config: Config, out: Path) -> Result:
    """Write evaluation.json and per_visitor.npz.

    Where nothing serves yet, the candidate is judged against popular items alone.
    """
    found = visitors(
        duckdb.execute(_EVENTS.format(train=split / TRAIN, held_out=split / HELD_OUT)).fetchall(),
        config.split.targets,
    )
    with config.items.open() as lines:
        items = frozenset(str(json.loads(line)["item"]) for line in lines)
    new = _read(candidate)
    old = _read(serving) if serving else Lists({}, {}, new.popular)
    k = config.gate.k
    told = {"visitors": float(len(found))}
    _, popular = _measured(Lists({}, {}, new.popular), found, k, items)
    told |= {f"popular_{metric}": value for metric, value in popular.items()}
    arrays: dict[str, Numbers] = {}
    for name, lists in (("old", old), ("new", new)):
        values, described = _measured(lists, found, k, items)
        arrays |= {f"{name}_{metric}": array for metric, array in values.items()}
        told |= {f"{name}_{metric}": value for metric, value in described.items()}
    np.savez(out / VALUES, allow_pickle=False, **arrays)
    write_json(out / OUT, told)
    return Result(told)


def _read(directory: Path) -> Lists:
    try:
        return read_lists(directory)
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
