"""Data of any origin, by the path and the options that a person gives."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from offline.card import Facts, write_card
from offline.data.collect import collect
from offline.data.summary import Summary
from offline.databases.connect import is_server
from offline.errors import InputError
from offline.importing.formats.generic import with_items
from offline.importing.formats.sql import Selection, Sql
from offline.importing.load import Imported, Repeats, Stage, load_source
from offline.importing.registry import guess_format, make_format
from offline.importing.source import Columns, Source
from offline.importing.typed import Unit
from offline.logs.bad_lines import BAD_STOP, BadLine, Skipped
from offline.synthetic.truth import Truth

LOGS = "botify-log"
SQL = "sql"


def import_data(
    source: str | Path,
    out: str | Path,
    format: str | None = None,
    *,
    columns: Columns | None = None,
    items: str | Path | None = None,
    without: tuple[str, ...] = (),
    time_unit: Unit | None = None,
    text_ids: bool = False,
    liked_from: float | None = None,
    repeats: Repeats = "last",
    allow_bad: bool = False,
    selection: Selection | None = None,
    stage: Stage | None = None,
) -> Imported:
    r"""Turn data of any origin into a directory of interactions.

    Parameters
    ----------
    source : str or Path
        A file, a directory with the files that a data set is published as, or the URL of a
        database.
    out : str or Path
        The directory to write. It appears whole or not at all.
    format : str, optional
        As `botify-offline formats` has it; None: guessed from the names of files.
    columns : Columns, optional
        Of CSV, Parquet, JSON Lines and RecBole files: which column is what; the rest is guessed.
    items : str or Path, optional
        A file of items with titles: CSV, Parquet or JSON Lines.
    without : tuple of {"value", "time"}
        Take no column for these.
    time_unit : {"s", "ms", "us", "ns"}, optional
        None: as the size of the times tells.
    text_ids : bool, default False
        Whether ids are taken as text even where all are numbers.
    liked_from : float, optional
        The value from which an interaction is a like; None: as the format says, or above 0.
    repeats : {"last", "sum"}
        The value of a user, item and kind that are there several times: the latest, or the sum.
    allow_bad : bool, default False
        Whether more than 5 % of bad rows are accepted, and left out.
    selection : Selection, optional
        Of the format `sql`: the table or the query, and bounds.
    stage : callable, optional
        Called with the name of each step; gives what is told how far the step has come, 0 to 1.

    Returns
    -------
    Imported
        `summary`, counts and what was guessed; `skipped`, the rows that were left out; and
        `facts`, the content of the data card.

    Raises
    ------
    InputError
        For what cannot be read, or cannot be interactions.

    Examples
    --------
    >>> from pathlib import Path
    >>> from offline import import_data
    >>> rows = [f"ann,sku-{n},5" for n in range(60)] + [f"bob,sku-{n},3" for n in range(60)]
    >>> _ = Path("shop.csv").write_text("\n".join(["user,item,rating", *rows]))
    >>> found = import_data("shop.csv", "data")
    >>> found.summary.interactions, found.summary.users, found.summary.items
    (120, 2, 60)
    >>> found.summary.notes[1]
    'columns guessed by their names: user = user, item = item, value = rating'
    """
    out = Path(out)
    notes: list[str] = []
    if format is None and is_server(source):
        format = SQL
    elif format is None:
        format, notes = guess_format(Path(source))
        notes.append(f"format guessed: {format}")
    elif format != SQL and is_server(source):
        raise InputError(f"{format} reads files: --format {SQL} reads a database")
    elif format != SQL and not Path(source).exists():
        raise InputError(f"{source}: no such file or directory")
    if format == LOGS:
        return _collected(Path(source), out, allow_bad)
    columns = columns or Columns()
    if format == SQL:
        found = Sql(replace(selection or Selection(), without=without)).open(source, columns)
    else:
        form = make_format(format)
        if columns.named and not form.generic:
            raise InputError(f"--{min(columns.named)}-column: the columns of {format} are known")
        found = _without(form.open(Path(source), columns), without)
    if items is not None:
        found = with_items(found, Path(items), found.files[0].columns.item, None)
    found = replace(found, notes=(*notes, *found.notes))
    if liked_from is not None:
        found = replace(found, liked_from=liked_from)
    imported = load_source(
        found,
        out,
        format,
        unit=time_unit,
        text_ids=text_ids,
        repeats=repeats,
        allow_bad=allow_bad,
        stage=stage,
    )
    if format != SQL:
        _carry_truth(Path(source), out, imported.summary)
    return imported


def _carry_truth(source: Path, out: Path, summary: Summary) -> None:
    """What is known of generated ratings goes along, where all of them were taken."""
    with suppress(InputError):  # none is there, or a file of somebody else's
        truth = Truth.read(source)
        if (truth.ratings, truth.users) == (summary.interactions, summary.users):
            truth.write(out)


def _without(source: Source, roles: tuple[str, ...]) -> Source:
    """The same without the columns of some roles."""
    absent = dict.fromkeys(roles)
    files = [replace(file, columns=replace(file.columns, **absent)) for file in source.files]
    return replace(source, files=tuple(files))


def _collected(source: Path, out: Path, allow_bad: bool) -> Imported:
    facts: list[Facts] = []

    def describe(directory: Path, bad: Sequence[BadLine]) -> None:
        facts.append(write_card(directory, bad, out.resolve().name))

    summary, bad = collect(
        [source], out, most_bad=1.0 if allow_bad else BAD_STOP, describe=describe
    )
    skipped = Skipped(summary.lines, summary.bad_lines, bad, summary.faults)
    return Imported(summary, skipped, facts[0])
