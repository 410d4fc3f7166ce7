"""Ratings of a database, filtered by how many each item and each user has: one SQL text."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from offline.databases.base import Database, Kind
from offline.errors import InputError
from offline.importing.source import Columns, Step

_MOST = 2**62
_SQL = (Path(__file__).parent / "sql" / "bounded_ratings.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Which ratings of a table are taken; None: no bound.

    Both counts are of rows, and of the whole table: neither bound sees what the other left out.

    Examples
    --------
    >>> from offline.importing.bounds import Bounds
    >>> Bounds(min_items_per_user=3, max_items_per_user=50).given
    {'min_items_per_user': 3, 'max_items_per_user': 50}
    """

    min_users_per_item: int | None = None
    """An item stays that has MORE rows than this."""
    min_items_per_user: int | None = None
    """A user stays who has this many rows, or more."""
    max_items_per_user: int | None = None
    """A user stays who has this many rows, or fewer."""
    limit: int | None = None
    """So many pairs are taken: the first by user and item."""

    @property
    def given(self) -> dict[str, int]:
        """Those that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def check(self) -> None:
        """Raises InputError for bounds that nothing can meet."""
        for field in fields(self):
            value, least = getattr(self, field.name), int(field.name != "min_users_per_item")
            if value is not None and not least <= value < _MOST:
                raise InputError(f"{option(field.name)} must be {least} or more, not {value}")
        low, high = self.min_items_per_user, self.max_items_per_user
        if low is not None and high is not None and low > high:
            raise InputError(
                f"{option('min_items_per_user')} {low} is above "
                f"{option('max_items_per_user')} {high}: no user can meet both"
            )


class Bounded(NamedTuple):
    """What a table has within bounds."""

    table: pa.Table
    """A row for each user, item and kind, in their order; columns as the database names them."""
    columns: Columns
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def option(name: str) -> str:
    """A bound as the command line has it."""
    return f"--{name.replace('_', '-')}"


def read_bounded(
    database: Database,
    relation: str,
    kinds: Mapping[str, Kind],
    columns: Columns,
    bounds: Bounds,
) -> Bounded:
    """The mean rating of each user and item within the bounds, ordered by user and item.

    Parameters
    ----------
    database : Database
    relation : str
        The table as SQL names it, or a subquery.
    kinds : mapping
        Of its columns.
    columns : Columns
        With a user and an item. Without a value, the value is how many rows a pair has; of times
        the latest is taken.
    bounds : Bounds

    Raises
    ------
    InputError
        For values that are no numbers, and where the bounds leave nothing: it says which bound cut
        how much.
    """
    query = _Query(database, relation, kinds, columns, bounds)
    query.check_types()
    steps, notes = query.count()
    try:
        batches = list(database.batches(query.select(), query.parameters()))
    except InputError as error:
        if columns.value is None or kinds[columns.value] in ("number", "any"):
            raise
        raise InputError(
            f"{error}: `{columns.value}` holds what is no number: name another column with "
            "--value-column, or mend it"
        ) from error
    assert batches  # a bound that leaves nothing was told
    table = _joined([pa.Table.from_batches([batch]) for batch in batches])
    if bounds.limit is not None and steps[-1].rows > len(table):
        steps.append(_limited(table, bounds.limit, steps[-1].rows, notes))
    named = query.named
    table = table.rename_columns(list(named.values()))
    table = table.append_column("line", pa.array(range(1, len(table) + 1)))
    return Bounded(table, Columns(**named), tuple(steps), tuple(notes))


def _limited(table: pa.Table, limit: int, pairs: int, notes: list[str]) -> Step:
    """The step of a limit, which cuts by the order of ids."""
    users, items = (len(table[place].unique()) for place in (0, 1))
    last = table[0][-1].as_py()
    notes.append(
        f"--limit {limit:,} leaves out {pairs - len(table):,} of {pairs:,} pairs: users after "
        f"{last!r} in the order of ids, and maybe a part of that user's"
    )
    return Step(f"the first {limit:,} by user and item", len(table), users, items)


def _joined(parts: list[pa.Table]) -> pa.Table:
    """The parts as one; a column of several types becomes text."""
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        names = parts[0].column_names
        mixed = {
            name
            for name in names
            if len({part[name].type for part in parts if part[name].type != pa.null()}) > 1
        }
        shapes = [
            pa.schema(
                [(f.name, pa.string()) if f.name in mixed else (f.name, f.type) for f in p.schema]
            )
            for p in parts
        ]
        return pa.concat_tables(
            [part.cast(shape) for part, shape in zip(parts, shapes, strict=True)],
            promote_options="permissive",
        )


class _Query:
    """The statements of `bounded_ratings.sql` for one table."""

    def __init__(
        self,
        database: Database,
        relation: str,
        kinds: Mapping[str, Kind],
        columns: Columns,
        bounds: Bounds,
    ) -> None:
        self._database, self._bounds, self._columns = database, bounds, columns
        self._value = columns.value
        cells = {
            role: database.in_byte_order(database.quoted(name), kinds[name])
            for role, name in columns.named.items()
        }
        texts = dict(_sections(_SQL))
        limit = f"LIMIT {database.parameter('most_pairs')}" if bounds.limit is not None else ""
        marks = {
            name: database.parameter(name) for name in ("over_users", "least_items", "most_items")
        }
        absent = "NULL"
        names = {
            "relation": relation,
            "user_column": cells["user"],
            "item_column": cells["item"],
            "value_column": database.quoted(self._value) if self._value else "1",
            "time_column": cells.get("time", absent),
            "kind_column": cells.get("kind", "''"),
            "title_column": cells.get("title", absent),
            "limit": limit,
            **marks,
        }
        head = texts.pop("source").format(**names)
        more = {
            "time": ", MAX(moment) AS moment",
            "kind": ", kind",
            "title": ", MIN(title) AS title",
        }
        order = [role for role in ("time", "kind", "title") if role in columns.named]
        names["value"] = "AVG(CAST(value AS DOUBLE PRECISION))" if self._value else "COUNT(*)"
        names["more"] = "".join(more[role] for role in order)
        self._texts = {name: head + text.format(**names) for name, text in texts.items()}
        roles = ("user", "item", "value", *order)
        counted = "rows" if "rows" not in columns.named.values() else "number of rows"
        self.named = {role: columns.named.get(role, counted) for role in roles}

    def parameters(self, limit: bool = True) -> dict[str, int]:
        """All that the statement has a mark for."""
        found = {
            "over_users": _or(self._bounds.min_users_per_item, -1),
            "least_items": _or(self._bounds.min_items_per_user, 0),
            "most_items": _or(self._bounds.max_items_per_user, _MOST),
        }
        if limit and self._bounds.limit is not None:
            found["most_pairs"] = self._bounds.limit
        return found

    def select(self) -> str:
        return self._texts["ratings"]

    def check_types(self) -> None:
        """Raises InputError for values that are no numbers, and ids of several types.

        Of SQLite, whose columns may hold anything: the other engines refuse both themselves.
        """
        if self._database.engine != "SQLite":
            return
        marks = self.parameters(limit=False)
        odd, example, *texts = self._database.row(self._texts["types"], marks)
        if odd and self._value is not None:
            raise InputError(
                f"{self._database.shown}: {odd:,} values of `{self._value}` are no numbers, as "
                f"{str(example)[:40]!r}: name another column with --value-column, or mend them"
            )
        for role, text, other in zip(("user", "item"), texts[::2], texts[1::2], strict=True):
            if text and other:
                name = getattr(self._columns, role)
                raise InputError(
                    f"{self._database.shown}: {text:,} values of `{name}` are texts and "
                    f"{other:,} are numbers: bring them to one type, as by --query with a CAST"
                )

    def count(self) -> tuple[list[Step], list[str]]:
        """What is left after each bound; raises InputError where nothing is."""
        rows, nameless, valueless = self._row("rows")
        if not rows:
            raise InputError(f"{self._database.shown}: no rows")
        users, most_rows, fewest_rows, *users_left = self._row("users")
        items, most_users, *items_left = self._row("items")
        steps = [Step("in the table", rows, users, items)]
        notes: list[str] = []
        if nameless:
            notes.append(f"{_rows(nameless)} without a user or an item: left out")
        if valueless:
            notes.append(f"{_rows(valueless)} without a `{self._value}`: means are of the others")
        given = self._bounds.given
        for place, (name, text, reach) in enumerate(
            (
                ("min_users_per_item", "items with more than {:,} rows", most_users),
                ("min_items_per_user", "users with {:,} rows or more", most_rows),
                ("max_items_per_user", "users with {:,} rows or fewer", fewest_rows),
            )
        ):
            if name in given:
                left = users_left[2 * place + 1], users_left[2 * place], items_left[place]
                steps.append(Step(text.format(given[name]), *left))
                if not steps[-1].rows:
                    raise InputError(self._nothing(steps, name, given[name], reach))
        [pairs] = self._row("pairs")
        if not pairs:
            raise InputError(f"{self._database.shown}: no row has a user and an item")
        if pairs != steps[-1].rows:
            steps.append(Step("one for each user and item", pairs, users_left[4], items_left[2]))
        return steps, notes

    def _nothing(self, steps: list[Step], name: str, bound: int, reach: int) -> str:
        path = "; ".join(f"{step.what}: {_rows(step.rows)}" for step in steps)
        what = "item" if name == "min_users_per_item" else "user"
        if name == "max_items_per_user":
            alone, than = reach > bound, "fewer"
        else:
            alone, than = reach < bound + (what == "item"), "more"
        why = f"no {what} has {than} than {reach:,}" if alone else "together they are too narrow"
        return f"{self._database.shown}: {option(name)} {bound} leaves nothing ({path}): {why}"

    def _row(self, name: str) -> tuple[int, ...]:
        found = self._database.row(self._texts[name], self.parameters(limit=False))
        return tuple(int(cell or 0) for cell in found)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def _sections(text: str) -> list[tuple[str, str]]:
    """The parts of the file, each after a line `-- part: NAME`."""
    parts = text.split("-- part: ")[1:]
    return [(name.strip(), body) for name, _, body in (part.partition("\n") for part in parts)]
