"""How an experiment was run, as documented in `--run-info FILE.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from offline.errors import InputError


@dataclass(frozen=True)
class RunInfo:
    """How a run was made, for people: names of its treatments, and groups of key and value.

    Examples
    --------
    >>> from offline.experiment import RunInfo
    >>> RunInfo({"C": "CONTEXTUAL", "T1": "DAE"}, {"World": {"users": "10,000"}}).treatments["T1"]
    'DAE'
    """

    treatments: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Group title (empty for values without a group) -> key -> value, as text."""


def load_run_info(path: str | Path) -> RunInfo:
    """Read a JSON object of values and of groups `{"group": {"key": value}}`.

    Its key `treatments`, `{"T1": "DAE"}`, names the treatments. Raises InputError where the file
    cannot be read or is no such object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"), parse_constant=_refuse)
    except OSError as error:
        raise InputError(f"run info {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"run info {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f'run info {path} must be a JSON object, such as {{"seed": 31337}}')
    treatments = content.pop("treatments", {})
    if not isinstance(treatments, dict) or not all(
        isinstance(name, str) for name in treatments.values()
    ):
        raise InputError(f'run info {path}: `treatments` must be like {{"T1": "DAE"}}')
    alone = {key: _text(value) for key, value in content.items() if not isinstance(value, dict)}
    groups = {"": alone} if alone else {}
    for title, values in content.items():
        if isinstance(values, dict):
            groups[title] = {key: _text(value) for key, value in values.items()}
    return RunInfo(treatments, groups)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    return str(value)
