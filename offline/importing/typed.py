"""Decides what the texts of `raw` are, and makes `typed`: ids, values, times, or a fault."""

from dataclasses import dataclass
from typing import Literal

from contract.ids import ID_RULE, MAX_ID_CHARACTERS
from offline.engine.quoting import literal
from offline.errors import InputError
from offline.importing.stage import Staged

Unit = Literal["s", "ms", "us", "ns", "date"]
UNITS: dict[str, str] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "date": "dates (ISO 8601)",
}
_UNFIT = (
    f"LENGTH(CAST({{0}} AS VARCHAR)) > {MAX_ID_CHARACTERS} OR"
    " regexp_matches(CAST({0} AS VARCHAR), '[\\x00-\\x1f\\x7f-\\x{{9f}}]')"
)
"""An id that no list may have: `contract.ids`."""
DAY_MS = 86_400_000
_FORMS = """
SELECT
    COUNT(form), COUNT(*) FILTER (form = 1), COUNT(*) FILTER (form = 2),
    COUNT(*) FILTER (kind = 'n'), COUNT(*) FILTER (kind = 't'),
    MIN((file, place)) FILTER (form > 2), MIN((file, place)) FILTER (kind = 'n'),
    MIN((file, place)) FILTER (kind = 't'), MIN_BY(v, (file, place)) FILTER (form > 2),
    COUNT(*) FILTER (form = 4)
FROM (
    SELECT
        id_form("{role}") AS form, {role}_type AS kind, file, place, "{role}" AS v
    FROM raw WHERE NOT is_none("{role}")
)
"""


@dataclass(frozen=True)
class Typed:
    """What was decided."""

    has_value: bool
    has_time: bool
    unit: Unit | None
    notes: tuple[str, ...]


def type_rows(
    staged: Staged,
    names: dict[str, str],
    unit: Unit | None,
    text_ids: bool,
    now_ms: int,
) -> Typed:
    """Make the table `typed`: file, place, uid, iid, val, ms, kind, title, fault, shown.

    `names` are the columns by role, for messages; roles without a column are not looked for.
    Raises InputError for ids of mixed types and times in several units.
    """
    notes: list[str] = []
    users = _id_sql(staged, "user", names["user"], text_ids, notes)
    items = _id_sql(staged, "item", names["item"], text_ids, notes)
    has_value, has_time = "value" in names, "time" in names
    faults = [(f'is_none("{role}")', f"no `{names[role]}`", "NULL") for role in ("user", "item")]
    for role, column in (("user", "uid"), ("item", "iid")):
        wrong = f"{role}_type = 'x' OR {column} IS NULL"
        faults.append((wrong, f"`{names[role]}` is no id", f'"{role}"'))
        faults.append((_UNFIT.format(column), f"`{names[role]}` must be {ID_RULE}", f'"{role}"'))
    value, time = "1.0", "CAST(NULL AS BIGINT)"
    if has_value:
        value = "plain_number(value)"
        faults.append(("is_none(value)", f"no `{names['value']}`", "NULL"))
        faults.append(("val IS NULL", f"`{names['value']}` is no number", "value"))
    if has_time:
        found = unit or _unit(staged, names["time"])
        time = f"as_time_ms(\"time\", '{found}')"
        if unit is None:  # what is of another class, as 0 is, is no time
            time = f"CASE WHEN time_class(\"time\") = '{found}' THEN {time} END"
        unit = found
        notes.append(f"times are in {UNITS[found]}" + ("" if found == "date" else " since 1970"))
        faults.append(('is_none("time")', f"no `{names['time']}`", "NULL"))
        faults.append(("ms IS NULL", f"`{names['time']}` is no time", '"time"'))
        faults.append((f"ms > {now_ms + DAY_MS}", f"`{names['time']}` is in the future", '"time"'))
    if "kind" in names:
        faults.append(("is_none(kind)", f"no `{names['kind']}`", "NULL"))
    cases = "".join(f" WHEN {when} THEN {literal(what)}" for when, what, _ in faults)
    shown = "".join(f" WHEN {when} THEN {which}" for when, _, which in faults)
    kind = "'rating'" if has_value else "'interaction'"
    staged.connection.execute(
        f"""CREATE TABLE typed AS
        WITH read AS (
            SELECT file, place, {users} AS uid, {items} AS iid, {value} AS val, {time} AS ms, *
                EXCLUDE (file, place)
            FROM raw
        )
        SELECT file, place, uid, iid, val, ms, COALESCE(TRIM(kind), {kind}) AS kind, title,
            CASE{cases} END AS fault, CASE{shown} END AS shown
        FROM read"""
    )
    return Typed(has_value, has_time, unit, tuple(notes))


def _id_sql(staged: Staged, role: str, name: str, text_ids: bool, notes: list[str]) -> str:
    """How a column becomes ids: whole numbers where all are, else text."""
    column = f'"{role}"'
    as_text = f"CASE WHEN is_none({column}) THEN NULL ELSE TRIM({column}) END"
    as_number = f"TRY_CAST(TRIM({column}) AS BIGINT)"
    [row] = staged.connection.execute(_FORMS.format(role=role)).fetchall()
    known, whole, floats, numbers, texts, odd, first_number, first_text, example, beyond = row
    if text_ids:
        return as_text
    if numbers and texts:
        raise InputError(
            f"`{name}` is a number at {staged.place(*_pair(first_number))} and a text at "
            f"{staged.place(*_pair(first_text))}: bring it to one type, or take all as text with "
            "--text-ids"
        )
    if texts:
        return as_text
    if whole + floats == known or (numbers and not beyond):
        if not floats:
            return as_number
        notes.append(f"`{name}`: {floats:,} ids are written like 12.0: taken as whole numbers")
        return (
            f"CASE id_form({column}) WHEN 1 THEN {as_number}"
            f" WHEN 2 THEN CAST(TRY_CAST(TRIM({column}) AS DOUBLE) AS BIGINT) END"
        )
    if beyond or 2 * (whole + floats) > known:
        digits = ", or of over 15 digits before .0" * bool(beyond)
        notes.append(
            f"`{name}`: {known - whole - floats:,} of {known:,} ids are no whole numbers of 64 "
            f"bits{digits}, the first {example!r} at {staged.place(*_pair(odd))}: all are kept as "
            "text"
        )
    return as_text


def _pair(found: object) -> tuple[int, int]:
    """File and row of a struct or a tuple."""
    values = list(found.values()) if isinstance(found, dict) else list(found)  # type: ignore[call-overload]
    return int(values[0]), int(values[1])


def _unit(staged: Staged, name: str) -> Unit:
    """The one unit of the times. Raises InputError for several, and where none can be told."""
    found = {
        cls: (count, at)
        for cls, count, at in staged.connection.execute(
            'SELECT time_class("time") AS cls, COUNT(*), MIN((file, place)) FROM raw GROUP BY cls'
        ).fetchall()
    }
    units = [unit for unit in UNITS if unit in found]
    if len(units) > 1:
        places = " and ".join(
            f"{UNITS[unit]} at {staged.place(*_pair(found[unit][1]))}" for unit in units[:2]
        )
        raise InputError(
            f"`{name}` has {places}: times cannot be put in order; bring all to one unit"
        )
    if not units:
        if "small" in found:
            raise InputError(
                f"`{name}`: the size of its numbers tells no unit, as at "
                f"{staged.place(*_pair(found['small'][1]))}: say which with --time-unit, or leave "
                "times out with --no-time"
            )
        raise InputError(
            f"`{name}` has no time: it must be s, ms, µs or ns since 1970, or a date of ISO 8601; "
            "name another column with --time-column, or leave times out with --no-time"
        )
    unit: Unit = units[0]  # type: ignore[assignment]
    return unit
