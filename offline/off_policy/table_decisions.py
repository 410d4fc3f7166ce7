"""Logged decisions from a table: action, reward, propensity, and target policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from offline.engine.quoting import quoted
from offline.errors import InputError
from offline.logs.bad_lines import Skipped
from offline.off_policy.decisions import Bools, Decisions, Floats
from offline.tables.header import Columns
from offline.tables.typed_rows import read_table

_SUM_SLACK = 1e-3


@dataclass(frozen=True)
class DecisionColumns:
    """Which columns of a table of decisions are what."""

    action: str
    reward: str
    propensity: str
    position: str | None = None
    """Place on the page, or any other context that the target's chances depend on."""
    unit: str | None = None
    """Whose decisions depend on each other; None: none of them do."""
    targets: tuple[str, ...] = ()
    """Columns with the chance that a target would have taken the logged action."""


@dataclass(frozen=True, eq=False)
class TableDecisions:
    """Decisions of a table, with what targets need beside them."""

    decisions: Decisions
    rows: pd.DataFrame
    actions: Mapping[str, int]
    """The number of each action."""
    skipped: Skipped
    notes: tuple[str, ...]


class ColumnTarget:
    """A policy of which only the chance of each logged action is known: no model can be asked."""

    def __init__(self, name: str, found: TableDecisions) -> None:
        chances = found.rows[name].to_numpy(np.float64)
        if ((chances < 0) | (chances > 1)).any():
            row = int(np.flatnonzero((chances < 0) | (chances > 1))[0])
            raise InputError(f"--target {name}: {chances[row]:g} is no chance, from 0 to 1")
        self.name = name
        self.answers: Bools = ~np.isnan(chances)
        self.chances: Floats = np.nan_to_num(chances)
        silent = int((found.decisions.usable & ~self.answers).sum())
        self.notes: Sequence[str] = [
            *_silent(silent),
            "what else the target would choose is not told: no direct method, no DR of any kind "
            "(--policy)",
        ]

    def mean_of(self, values: Floats) -> Floats:
        return np.full(len(self.chances), np.nan)


class PolicyTarget:
    """A policy that chooses each action with a chance of its own, the same for everybody."""

    def __init__(self, path: Path, found: TableDecisions, columns: DecisionColumns) -> None:
        """`path` is a table with the columns of action, position where there is one, and `chance`.

        Raises InputError where it is none, or where chances do not sum to 1.
        """
        self.name = str(path)
        chances = _read_policy(path, columns)
        log = found.decisions
        # Actions that were never logged are all alike to the model: the last place.
        codes = np.array([found.actions.get(action, -1) for action in chances.index])
        logged = np.where(codes < 0, len(log.logged), log.codes(codes))
        table = np.zeros((chances.shape[1], len(log.logged) + 1))
        for place, column in enumerate(chances.columns):
            np.add.at(table[place], logged, chances[column].to_numpy(np.float64))
        places = pd.Index(chances.columns).get_indexer(pd.Index(_positions(found.rows, columns)))
        self.answers: Bools = places >= 0
        self._table, self._places = table, np.maximum(places, 0)
        by_action = np.zeros((chances.shape[1], len(found.actions)))
        known = codes >= 0
        by_action[:, codes[known]] = chances.to_numpy(np.float64)[known].T
        self.chances: Floats = np.where(
            self.answers, by_action[self._places, log.recommendations], 0.0
        )
        self.notes: Sequence[str] = _silent(int((log.usable & ~self.answers).sum()))

    def mean_of(self, values: Floats) -> Floats:
        means: Floats = (self._table @ values)[self._places]
        return means


def read_decision_table(files: Sequence[Path], columns: DecisionColumns) -> TableDecisions:
    """Decisions of a table, each row one of its own.

    Raises InputError where it cannot be read, or no decision can be used.
    """
    values = [columns.reward, columns.propensity, *columns.targets]
    if columns.position is not None:
        values.append(columns.position)
    connection = duckdb.connect()
    try:
        table = read_table(
            connection,
            [(None, path) for path in files],
            # What a table of an experiment calls its treatment is the action here.
            Columns(columns.unit, columns.action, values=tuple(values)),
        )
        there = connection.table("table_rows").columns
        if missing := [name for name in values if name not in there]:
            raise InputError(f"{files[0]}: no column {missing[0]!r}")
        numbers = [columns.reward, columns.propensity, *columns.targets]
        if texts := [name for name in numbers if name not in table.numbers]:
            raise InputError(f"{files[0]}: column {texts[0]!r} is not of numbers")
        listed = ", ".join(quoted(name) for name in dict.fromkeys(values))
        rows = connection.execute(
            f"SELECT user_id, treatment AS action, {quoted(columns.reward)} AS reward,"
            f" {quoted(columns.propensity)} AS propensity, {listed} FROM table_rows"
            " ORDER BY user_id, n"
        ).df()
    finally:
        connection.close()
    rows = rows.loc[:, ~rows.columns.duplicated()]
    left_out: dict[str, int] = {}
    usable = np.ones(len(rows), np.bool_)
    for reason, found in _odd(rows).items():
        odd = found.to_numpy() & usable
        if odd.any():
            left_out[reason] = int(odd.sum())
        usable &= ~odd
    if not usable.any():
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise InputError(f"no decision of the table can be used: {reasons}")
    actions, names = pd.factorize(rows["action"])
    users, ids = pd.factorize(rows["user_id"])
    decisions = Decisions(
        user_ids=tuple(ids),
        users=users.astype(np.int64),
        sessions=np.arange(len(rows)),
        tracks=np.full(len(rows), -1),
        times=np.ones(len(rows)),
        recommendations=actions.astype(np.int64),
        propensities=rows["propensity"].to_numpy(np.float64),
        rewards=rows["reward"].to_numpy(np.float64),
        usable=usable,
        left_out=left_out,
        logged=np.unique(actions[usable]).astype(np.int64),
        reward_range=None,
    )
    notes = []
    if columns.unit is None:
        notes.append("no --unit: each row was taken for a decision that depends on no other")
    return TableDecisions(
        decisions,
        rows,
        {str(name): number for number, name in enumerate(names)},
        table.skipped,
        (*table.notes, *notes),
    )


def _odd(rows: pd.DataFrame) -> "dict[str, pd.Series[bool]]":
    """The rows that cannot be used, by reason."""
    return {
        "without reward": rows["reward"].isna(),
        "without propensity": rows["propensity"].isna(),
        "propensity not in (0, 1]": ~rows["propensity"].between(0, 1, inclusive="right"),
    }


def _positions(rows: pd.DataFrame, columns: DecisionColumns) -> "pd.Series[str]":
    if columns.position is None:
        return pd.Series("", rows.index)
    return rows[columns.position].astype(str)


def _read_policy(path: Path, columns: DecisionColumns) -> pd.DataFrame:
    """Chances by action (rows) and position (columns; one named "" where there are none)."""
    position = () if columns.position is None else (columns.position,)
    connection = duckdb.connect()
    try:
        roles = Columns(None, columns.action, values=("chance", *position))
        read = read_table(connection, [(None, path)], roles)
        there = connection.table("table_rows").columns
        if missing := [name for name in ("chance", *position) if name not in there]:
            raise InputError(f"--policy {path}: no column {missing[0]!r}")
        if read.skipped.bad:
            raise InputError(f"--policy {path}: {read.skipped.named[0]}")
        rows = connection.execute("SELECT * FROM table_rows ORDER BY n").df()
    finally:
        connection.close()
    rows["place"] = _positions(rows, columns)
    if rows.duplicated(["treatment", "place"]).any():
        raise InputError(f"--policy {path}: an action is there twice")
    found = rows.pivot(index="treatment", columns="place", values="chance").fillna(0.0)
    sums = found.sum()
    if (found < 0).any(axis=None) or (abs(sums - 1) > _SUM_SLACK).any():
        shown = ", ".join(f"{name} {total:.4g}".strip() for name, total in sums.items())
        raise InputError(f"--policy {path}: its chances must be 0 or more and sum to 1: {shown}")
    return found


def _silent(count: int) -> list[str]:
    return [f"{count:,} decisions are left out: the target says nothing of them"] if count else []
