"""Reads metrics: the built-in ones, and a user's file on top of them."""

import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offline.errors import InputError, check_regular
from offline.experiment.metrics import COMPUTED, CORE_METRICS, Kind, Metric, Metrics, Role, Source
from offline.experiment.rule import Rule
from offline.logs.forms import Face

BUILT_IN: dict[Face, Path] = {
    "music": Path(__file__).with_name("metrics.yml"),
    "shop": Path(__file__).with_name("shop_metrics.yml"),
}
RESERVED = ("all", "control", "off", "treatment", "user_id")
"""Names that mean something else where a metric is named."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TOLD = ("title", "meaning", "scale", "unit", "decimals", "direction", "role", "margin")
"""The settable properties of a metric whose computation is fixed."""
_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|--|/\*|;|\bselect\b", re.IGNORECASE)


class _Told(BaseModel):
    """A metric as defined in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    title: str = Field(min_length=1)
    meaning: str = ""
    source: Source = Field(default="events", alias="from")
    kind: Kind = "mean"
    numerator: str = ""
    denominator: str | None = None
    scale: float = Field(default=1.0, gt=0)
    unit: str = ""
    decimals: int | None = Field(default=2, ge=0, le=9)
    direction: Literal["up", "down"]
    role: Role = "secondary"
    margin: float | None = Field(default=None, gt=0, lt=1e6)
    needs: tuple[Literal["catalog", "recommender", "recommendation", "price"], ...] = ()


def built_in(face: Face = "music") -> Metrics:
    """The built-in metrics of event logs."""
    return _read(BUILT_IN[face], {}, Metrics({}))


def read_metrics(path: Path, face: Face = "music") -> Metrics:
    """The built-in metrics, with the changes and additions of a file.

    Parameters
    ----------
    path : Path
        A YAML file like config/metrics.yml. A metric with a built-in name keeps what the file does
        not change; `null` removes one.
    face : {"music", "shop"}
        What the logs are of, for which there are built-in metrics.

    Returns
    -------
    Metrics

    Raises
    ------
    InputError
        Names file, metric and key.

    Examples
    --------
    >>> from pathlib import Path
    >>> from offline.experiment import read_metrics
    >>> text = "metrics: {repeats: {title: Repeated tracks, direction: down}}"
    >>> _ = Path("metrics.yml").write_text(text)
    >>> read_metrics(Path("metrics.yml"))["repeats"].title
    'Repeated tracks'
    """
    content, _ = _entries(BUILT_IN[face])
    found = _read(path, content, built_in(face))
    if not found.primaries:
        raise InputError(f"{path}: no metric has `role: primary`: the verdict needs one")
    return found


def read_table_metrics(path: Path) -> Metrics:
    """Only the metrics of a file: for tables, to which the built-in ones do not apply."""
    return _read(path, {}, Metrics({}))


def check_expression(place: str, sql: str) -> None:
    """Raises InputError for text that cannot be one expression; the engine checks the rest."""
    if not sql.strip():
        raise InputError(f"{place}: it is empty")
    for found in _WORDS.findall(sql):
        if found[0] not in "'\"":
            raise InputError(
                f"{place}: {found!r} cannot be in it: it must be one expression of SQL, such as "
                "SUM(time)"
            )
    if not _is_balanced(re.sub(r"'[^']*'|\"[^\"]*\"", "", sql)):
        raise InputError(f"{place}: its parentheses or quotes do not match")


def _is_balanced(sql: str) -> bool:
    depth = 0
    for character in sql:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return not depth and "'" not in sql and '"' not in sql


def _entries(path: Path) -> tuple[dict[str, Any], Rule]:
    """The contents of a file by metric, and its rule. Raises InputError."""
    check_regular(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not isinstance(content.get("metrics"), dict):
        raise InputError(f"{path}: it must be like `metrics: {{my_metric: {{title: ...}}}}`")
    if unknown := [key for key in content if key not in ("metrics", "rule")]:
        raise InputError(f"{path}: unknown key {unknown[0]!r}: there are `metrics` and `rule`")
    try:
        rule = Rule.parse(str(content.get("rule", Rule())))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return content["metrics"], rule


class _Loader(yaml.SafeLoader):
    """Rejects duplicate keys, which YAML loaders accept."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key} is there twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def _read(path: Path, under: dict[str, Any], known: Metrics) -> Metrics:
    """Metrics of a file; `under` has properties of built-in ones, `known` those metrics."""
    found = dict(known.by_name)
    entries, rule = _entries(path)
    for name, told in entries.items():
        place = f"{path}: metric {name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(f"{place}: its name must be like skips_per_session")
        if name in RESERVED:
            raise InputError(f"{place}: that name is reserved")
        if told is None:
            if name not in under:
                raise InputError(f"{place}: null takes a built-in metric away, and it is none")
            if name in CORE_METRICS:
                raise InputError(f"{place}: it is of the effect table, which has it always")
            del found[name]
            continue
        if not isinstance(told, dict):
            raise InputError(f"{place}: it must have keys, such as title and numerator")
        if "margin" in told and told.get("role", under.get(name, {}).get("role")) != "guardrail":
            raise InputError(f"{place}: `margin` is of guardrails: add `role: guardrail`")
        below = under.get(name)
        fixed = name in CORE_METRICS or (name in known and known[name].kind in COMPUTED)
        if below is not None and fixed and (changed := [k for k in told if k not in _TOLD]):
            raise InputError(
                f"{place}: `{changed[0]}` of it cannot be changed, as others compute it alike: "
                "choose another name"
            )
        found[name] = _metric(place, name, {**(below or {}), **told}, fixed or not under)
    return Metrics(found, rule=rule)


def _metric(place: str, name: str, told: dict[str, Any], may_compute: bool) -> Metric:
    try:
        some = _Told.model_validate(told)
    except ValidationError as error:
        raise InputError(f"{place}: {_reason(error)}") from None
    if some.kind in COMPUTED:
        if not may_compute:
            raise InputError(f"{place}: kind `{some.kind}` is built in: write mean or ratio")
        if some.numerator or some.denominator:
            raise InputError(f"{place}: kind `{some.kind}` has no numerator or denominator")
        if some.role == "primary":
            raise InputError(f"{place}: it has no value per user, so that it cannot be primary")
    else:
        check_expression(f"{place}: `numerator`", some.numerator)
        if some.denominator is not None:
            check_expression(f"{place}: `denominator`", some.denominator)
        elif some.kind == "ratio":
            raise InputError(f"{place}: a ratio needs a `denominator`")
    if some.role == "guardrail" and some.margin is None:
        raise InputError(f"{place}: a guardrail needs a `margin`, in percent")
    unit = f" {some.unit}" if some.unit else ""
    up = some.direction == "up"
    return Metric(
        name,
        some.title,
        some.meaning,
        " ".join(some.numerator.split()),
        None if some.denominator is None else " ".join(some.denominator.split()),
        some.kind,
        some.source,
        some.scale,
        unit,
        some.decimals,
        up,
        some.role,
        some.margin if some.role == "guardrail" else None,
        some.needs,
    )


def _reason(error: ValidationError) -> str:
    """The first error, with its key."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"][:1])
    if first["type"] == "extra_forbidden":
        known = ", ".join(info.alias or name for name, info in _Told.model_fields.items())
        return f"unknown key {key!r}; there are {known}"
    if first["type"] == "missing":
        return f"it needs `{key}`"
    return f"`{key}`: {first['msg'][:1].lower()}{first['msg'][1:]}, not {first['input']!r}"
