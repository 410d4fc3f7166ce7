"""Experiments that share a log in the calibration: each is analysed as if it had its own."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Options, analyse
from offline.logs.reader import open_logs


@pytest.fixture
def made() -> Any:
    return import_module("bench.verdict.made_lines")


def aggregated(made: Any, folder: Path, lines: list[dict[str, Any]]) -> Aggregates:
    folder.mkdir()
    lines = sorted(lines, key=lambda line: line["timestamp"])
    with open_logs([made.write_log(folder, lines)]) as log:
        return aggregate(log, made.EXPERIMENT)


@pytest.mark.parametrize("users", [240, 60])  # 60: too few for a group of coverage
def test_each_is_as_if_the_log_were_its_own(made: Any, tmp_path: Path, users: int) -> None:
    pooled = import_module("bench.verdict.pooled")
    rng = np.random.default_rng(5)
    own = [made.lines_of(rng, users, first_user=1000 * (1 + place)) for place in range(2)]
    alone = [aggregated(made, tmp_path / str(i), lines) for i, lines in enumerate(own)]
    renamed = [
        line | {"experiments": {made.EXPERIMENT: {"C": "T2", "T1": "T3"}[arm]}}
        for line in own[1]
        for arm in [line["experiments"][made.EXPERIMENT]]
    ]
    together = aggregated(made, tmp_path / "both", [*own[0], *renamed])
    assert pooled.names_of(2) == ["C", "T1", "T2", "T3"]
    for expected, found in zip(alone, pooled.taken_apart(together, 2), strict=True):
        assert found.arms == expected.arms
        assert found.recommenders == expected.recommenders
        for name in ("users", "lengths", "periods", "coverage", "latencies", "completeness"):
            tables = [
                table.sort_values(list(table.columns)).reset_index(drop=True)
                for table in (getattr(found, name), getattr(expected, name))
            ]
            pd.testing.assert_frame_equal(*tables, check_dtype=False)
        options = Options(draws=0)
        ours, theirs = (analyse(some, options=options) for some in (found, expected))
        assert ours.comparisons == theirs.comparisons
        assert ours.looks_of == theirs.looks_of
