"""Attributes of users from a table with a row per user."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from offline.errors import InputError, check_regular

KEYS = ("user", "user_id", "userid", "userId")
"""Names that the column of users may have."""
UNKNOWN, OTHER = "unknown", "other"
MOST = 20
"""Most segments of an attribute; users with any other value form one more."""
_FEW = 10
"""Numbers of more different values are cut into quarters of the users."""


def read_attributes(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The columns by user id (text, the index), from .csv, .parquet or .json.

    JSON may be an object a line, an array of objects, or one object with a user's object under
    each id. Raises InputError where the file cannot be read, has no column of users or not these
    columns, has a user twice, or a column holds lists or objects.
    """
    check_regular(path)
    frame = _read(path)
    key = next((name for name in KEYS if name in frame.columns), None)
    if key is None:
        raise InputError(f"--attributes {path}: has no column {KEYS[0]} to tell the users by")
    if missing := [name for name in columns if name not in frame.columns]:
        there = ", ".join(str(name) for name in frame.columns if name != key)
        raise InputError(f"--segment-by {missing[0]}: {path} has no such column; it has: {there}")
    users = [_id(value) for value in frame[key]]
    frame = frame.loc[:, list(columns)].set_axis(users, axis=0)
    if twice := frame.index[frame.index.duplicated()].tolist():
        raise InputError(f"--attributes {path}: user {twice[0]} has several rows")
    for name in columns:
        if frame[name].map(lambda value: isinstance(value, list | dict | np.ndarray)).any():
            raise InputError(f"--segment-by {name}: users cannot be cut by lists or objects")
    return frame


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            table: pd.DataFrame = pq.read_table(path).to_pandas()
            return table
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            # Ids stay the text that they are.
            return pd.read_csv(path, dtype=dict.fromkeys(KEYS, str), encoding="utf-8-sig")
        return pd.DataFrame(_objects(text))
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--attributes {path}: cannot be read: {reason}") from error


def _objects(text: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(text)
    except ValueError:
        content = [json.loads(line) for line in text.split("\n") if line.strip()]
    if isinstance(content, dict):
        if any(key in content for key in KEYS):
            return [content]
        content = [{KEYS[0]: user} | known for user, known in content.items()]
    if not all(isinstance(some, dict) for some in content):
        raise ValueError("it is not an object a line, nor an array of objects")
    return list(content)


def _id(value: object) -> str:
    """Columns with a gap hold integers as floats."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def labels(attribute: "pd.Series[Any]", user_ids: Sequence[str]) -> "pd.Series[str]":
    """The segment of each user by one attribute, in the order of `user_ids`.

    Numbers of many values are cut into quarters of the users, other values beyond the MOST
    commonest are one segment; users without a value are another.
    """
    values = attribute.reindex(list(user_ids))
    if pd.api.types.is_bool_dtype(attribute) or not pd.api.types.is_numeric_dtype(attribute):
        found = values.map(str, na_action="ignore")
    elif values.nunique() <= _FEW:
        found = values.map(lambda value: f"{value:g}", na_action="ignore")
    else:
        found = _quarters(values.astype(np.float64))
    common = found.value_counts().index[:MOST]
    found = found.where(found.isna() | found.isin(common), OTHER).fillna(UNKNOWN)
    return found.astype(str)


def _quarters(values: "pd.Series[float]") -> "pd.Series[Any]":
    cuts = np.unique(np.nanquantile(values, [0.25, 0.5, 0.75]))
    places = np.searchsorted(cuts, values, side="left")
    names = [
        f"up to {cuts[0]:g}",
        *(f"over {low:g} to {high:g}" for low, high in pairwise(cuts)),
        f"over {cuts[-1]:g}",
    ]
    return pd.Series([names[place] for place in places], values.index).where(values.notna())
