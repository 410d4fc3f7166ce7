"""Experiments reduced to users, as `aggregate` gives them, made without a log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from bench.verdict.rates import Found
from offline.experiment.aggregates.metric_sql import Progress
from offline.experiment.aggregates.provenance import Provenance
from offline.experiment.aggregates.summary import Aggregates, Arm, Quality
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.experiment.verdict.verdict import Verdict, verdicts

PRIMARY, GUARDRAIL = "mean_session_time", "sessions"
STOPPED, CALLED, SHIPPED = "stopped", "significant, where not stopped", "Ship, where not stopped"


@cache
def metrics(primaries: tuple[str, ...] = (PRIMARY,)) -> Metrics:
    """The built-in ones, without those that are no part of the verdict."""
    every = built_in().with_primaries(primaries)
    kept = {name: some for name, some in every.by_name.items() if name in (*primaries, GUARDRAIL)}
    return Metrics(kept, primaries)


def by_lot(rng: np.random.Generator, users: int, second: float = 0.5) -> np.ndarray:
    """The treatment of each user, T1 with this chance; shape (n,)."""
    return np.where(rng.random(users) < second, "T1", "C")


def users_of(
    treatments: np.ndarray,
    sessions: np.ndarray,
    time: np.ndarray,
    unfinished: np.ndarray | None = None,
    tracks: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rows of per_user.sql; every argument has a value per user, shape (n,)."""
    unfinished = np.zeros(len(sessions)) if unfinished is None else unfinished
    columns: dict[str, Any] = {
        "user_id": [str(number) for number in range(len(sessions))],
        "treatment": treatments,
        "sessions": sessions,
        "unfinished": unfinished,
    }
    lines = 5 * (sessions + unfinished) if tracks is None else tracks
    sums = {
        "SUM(time)": time,
        "COUNT(*)": lines,
        "SUM(CASE WHEN message = 'last' THEN 1 ELSE 0 END)": sessions,
    }
    columns |= {f"events: {sql}": values.astype(np.float64) for sql, values in sums.items()}
    return pd.DataFrame(columns | {"lines": lines.astype(np.int64)})


def aggregates_of(
    users: pd.DataFrame,
    arms: Sequence[str] = ("C", "T1"),
    primaries: tuple[str, ...] = (PRIMARY,),
    in_several: int = 0,
    strays: Mapping[str, int] | None = None,
    progress: Mapping[str, Progress] | None = None,
) -> Aggregates:
    """As `aggregate` would give it of a whole log of one run."""
    own = {name: users[users["treatment"] == name] for name in arms}
    empty = pd.DataFrame({"treatment": [], "block": [], "bin": [], "requests": []})
    none = Progress(pd.DataFrame(columns=["user_id", "treatment", "period", "above", "below"]))
    lines = int(users["lines"].sum())
    # Numbers not given are 0: `provenance` and `versions` are those of one run of one world.
    quality = Quality((), lines, 0, (), 0, 0, 0, 0, 0, (), in_several, 0, 1, {})
    return Aggregates(
        "MADE",
        tuple(_arm(name, some) for name, some in own.items()),
        users,
        empty,
        empty,
        "day",
        empty.assign(tracks=0.0),
        empty,
        pd.DataFrame([_completeness(name, some) for name, some in own.items() if len(some)]),
        Provenance({"1": lines}, {"1": lines}, (), True, {}),
        {},
        {},
        quality,
        False,
        metrics(primaries),
        progress or dict.fromkeys(primaries, none),
        strays or {},
    )


def _arm(name: str, users: pd.DataFrame) -> Arm:
    sums = {column: int(users[column].sum()) for column in ("lines", "sessions", "unfinished")}
    without = int((users["sessions"] == 0).sum())
    return Arm(name, len(users), **sums, users_without_session=without)


def _completeness(name: str, users: pd.DataFrame) -> dict[str, Any]:
    sessions = int((users["sessions"] + users["unfinished"]).sum())
    answers = int(users["lines"].sum()) - int(users["sessions"].sum())
    return {
        "treatment": name,
        "answers": answers,
        "fallback_answers": 0,
        "told_recommenders": answers,
        "links": answers - int(users["unfinished"].sum()),
        "broken_links": 0,
        "sessions": sessions,
        "without_start": 0,
        "without_end": int(users["unfinished"].sum()),
        "still_open": 0,
    }


def judged(aggregates: Aggregates, options: Options | None = None) -> Found:
    """The `outcomes` of an experiment, without the bootstrap, which the verdict does not use."""
    return outcomes(analyse(aggregates, options=options or Options(draws=0)))


def outcomes(analysis: Analysis) -> Found:
    """Whether something stops the verdict; where nothing does, whether there is a difference.

    "without the checks" is the statement that would have been made without any check.
    """
    given = verdicts(analysis, {})
    stopped = any(_is_stopped(verdict) for verdict in given)
    blind = replace(analysis, checks=(), ratio=replace(analysis.ratio, p=None))
    return {
        STOPPED: stopped,
        CALLED: None if stopped else any(map(_is_called, given)),
        SHIPPED: None if stopped else any(map(_is_shipped, given)),
        "significant, without the checks": any(map(_is_called, verdicts(blind, {}))),
    }


def _is_stopped(verdict: Verdict) -> bool:
    return verdict.sentence.startswith("No verdict")


def _is_called(verdict: Verdict) -> bool:
    """Whether it says that there is a difference, whatever is made of it."""
    return not verdict.sentence.startswith(("Keep C for now", "No verdict"))


def _is_shipped(verdict: Verdict) -> bool:
    return verdict.outcome == "wins"
