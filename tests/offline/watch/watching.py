"""What tests of the live page share: a log that grows, and whether `analyze` says the same."""

import json
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.metric_sql import columns_of
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.checks.log_checks import run_checks
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.experiment.sequential import looks
from offline.logs.line_filter import LineFilter
from offline.logs.reader import open_logs
from offline.watch.batch import Question
from offline.watch.state import aggregates_of, checks_of
from offline.watch.watcher import Watched, Watcher

EXPERIMENT = "DAE_VS_CONTEXTUAL"
Event = dict[str, Any]


def text_of(events: Sequence[Event]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def follow(directory: Path, **options: Any) -> Watcher:
    metrics = options.pop("metrics", None) or built_in()
    question = Question(EXPERIMENT, options.pop("run", None), options.pop("drop", ()), metrics)
    watcher = Watcher(Watched([str(directory)], question, **options))
    watcher.read_all()
    return watcher


def judged(
    directory: Path,
    line_filter: LineFilter | None = None,
    drop: Sequence[str] = (),
    metrics: Metrics | None = None,
) -> Aggregates:
    with open_logs([directory], line_filter=line_filter) as log:
        return aggregate(log, EXPERIMENT, drop=drop, metrics=metrics)


def agrees(watcher: Watcher, expected: Aggregates, checks: bool = True) -> None:
    """Users, sessions, sums of each user, looks and checks are those of `analyze`."""
    watcher.look()  # what waited for lines of other workers
    state = watcher.state
    found = aggregates_of(state, EXPERIMENT, watcher.news.paths, None)
    for mine, arm in zip(found.arms, expected.arms, strict=True):
        assert (mine.treatment, mine.users, mine.lines) == (arm.treatment, arm.users, arm.lines)
        assert mine.sessions == arm.sessions
        assert mine.users_without_session == arm.users_without_session
    assert found.period_name == expected.period_name
    primaries = expected.metrics.primaries
    columns = columns_of(primaries)
    sessions, lines, *sums = state.timeline.sums()
    rows = expected.users
    at = state.users.known(rows["user_id"].tolist())["number"].to_numpy()
    assert sessions[at].tolist() == rows["sessions"].tolist()
    assert lines[at].tolist() == rows["lines"].tolist()
    for own, column in zip(sums, columns, strict=True):
        assert own[at] == pytest.approx(rows[column].fillna(0).to_numpy(float), rel=1e-9)
    told = {one["treatment"]: one for one in watcher.told()["treatments"]}
    comparisons = (len(expected.arms) - 1) * len(primaries)
    for arm, (place, metric) in product(expected.arms[1:], enumerate(primaries)):
        mine = state.timeline.looks(arm.treatment, metric.name, comparisons)
        theirs = looks(expected, arm.treatment, metric)
        assert [look.period for look in mine] == [look.period for look in theirs]
        for look, other in zip(mine, theirs, strict=True):
            # `analyze` knows of users that come later: in n / (n - 1) of a ratio they count.
            close = 1e-9 if metric.kind == "mean" or look is mine[-1] else 1e-3
            for name in ("effect", "lower", "upper"):
                assert getattr(look, name) == pytest.approx(getattr(other, name), rel=close)
        if theirs:
            one = told[arm.treatment]
            some = [one, *one["also"]][place]
            assert some["metric"] == metric.name
            assert some["lower"] == pytest.approx(theirs[-1].lower, rel=close)
    columns = [name for name in expected.completeness if name != "gaps_ms"]
    assert found.completeness[columns].values.tolist() == (
        expected.completeness[columns].values.tolist()
    )
    assert found.provenance.runs == expected.provenance.runs
    assert found.provenance.changes == expected.provenance.changes
    if checks:
        mine_told = {(c.name, c.treatment): c.text for c in checks_of(found)}
        theirs_told = {(c.name, c.treatment): c.text for c in run_checks(expected)}
        assert mine_told == {key: theirs_told[key] for key in mine_told}


def parts(events: Sequence[Event], number: int) -> list[bytes]:
    edges = np.linspace(0, len(events), number + 1).astype(int)
    return [text_of(events[low:high]) for low, high in pairwise(edges)]
