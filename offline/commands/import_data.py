"""`botify-offline import`: data of any origin -> interactions."""

import time
from pathlib import Path
from typing import Any

import click

from offline.card import as_text
from offline.commands._bars import step_bars
from offline.commands.sql_options import selection_of, selection_options
from offline.databases.connect import is_server
from offline.errors import InputError
from offline.importing.import_data import LOGS, SQL, import_data
from offline.importing.registry import guess_format
from offline.importing.source import Columns
from offline.logs.bad_lines import list_bad_lines
from offline.synthetic.truth import TRUTH, Truth

_ROLES = ("user", "item", "value", "time", "kind", "title")


def _column_options(command: Any) -> Any:
    for role in reversed(_ROLES):
        command = click.option(
            f"--{role}-column", metavar="NAME", help=f"Column of the {role}; else guessed."
        )(command)
    return command


@click.command("import")
@click.argument("source")
@click.option("--format", "format_", metavar="NAME", help="The format of SOURCE; else guessed.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Directory to write, or replace."
)
@_column_options
@selection_options
@click.option("--no-value", is_flag=True, help="Take no column for values.")
@click.option("--no-time", is_flag=True, help="Take no column for times.")
@click.option(
    "--time-unit",
    type=click.Choice(["s", "ms", "us", "ns"]),
    help="Unit of the times; else told from their size.",
)
@click.option("--text-ids", is_flag=True, help="Take ids as text, even where all are numbers.")
@click.option(
    "--liked-from",
    type=float,
    help="Value from which an interaction is a like; else as the format says, or above 0.",
)
@click.option(
    "--repeats",
    type=click.Choice(["last", "sum"]),
    default="last",
    show_default=True,
    help="Value of a user, item and kind that are there several times.",
)
@click.option(
    "--items",
    type=click.Path(path_type=Path),
    help="A file of items with titles: .csv, .jsonl or .parquet.",
)
@click.option(
    "--allow-bad",
    is_flag=True,
    help="Accept a source with more than 5 % of bad rows, and use the rest.",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    source: str,
    format_: str | None,
    out: Path,
    no_value: bool,
    no_time: bool,
    time_unit: Any,
    text_ids: bool,
    liked_from: float | None,
    repeats: Any,
    items: Path | None,
    allow_bad: bool,
    **more: Any,
) -> None:
    """Turn data of any origin into interactions.

    SOURCE is a file, a directory with the files that a data set is published as, or the URL of a
    PostgreSQL database; `botify-offline formats` lists the formats. Ids stay as their owner has
    them. What is guessed, and what is left out, is told, and is in OUT/card.html.
    """
    started = time.perf_counter()
    name = format_ or (SQL if is_server(source) else guess_format(Path(source))[0])
    if name == LOGS:
        _refuse_others(context, LOGS)
    selection = selection_of(more, name == SQL, _given(context, "repeats"))
    with step_bars() as stage:
        summary, skipped, facts = import_data(
            source,
            out,
            format_,
            columns=Columns(**{role: more[f"{role}_column"] for role in _ROLES}),
            items=items,
            without=tuple(
                role for role, absent in (("value", no_value), ("time", no_time)) if absent
            ),
            time_unit=time_unit,
            text_ids=text_ids,
            liked_from=liked_from,
            repeats=repeats,
            allow_bad=allow_bad,
            selection=selection,
            stage=stage,
        )
    seconds = time.perf_counter() - started
    files = f"{len(summary.files)} file{'s' if len(summary.files) > 1 else ''}"
    if name == SQL:
        files = summary.files[0]
    click.echo(f"{summary.lines:,} rows of {files} in {seconds:.1f} s")
    noun = "line" if name == LOGS else "row"
    guessed = [] if format_ else [f"format guessed: {name}"]
    told = dict.fromkeys([*list_bad_lines(skipped, noun=noun), *guessed, *summary.notes])
    click.echo("\n".join([*told, as_text(facts)]))
    if (out / TRUTH).is_file():
        truth = Truth.read(out)
        click.echo(
            f"generated ratings: RMSE of the mean {truth.rmse_mean:.4f}, best possible "
            f"{truth.rmse_oracle:.4f} (botify-offline score {out} RMSE)"
        )
    click.echo(f"wrote {out} (card: {out / 'card.html'})")


def _refuse_others(context: click.Context, name: str) -> None:
    """Raises InputError for an option that is given and has no meaning for a format."""
    allowed = ("source", "format_", "out", "allow_bad")
    for option in context.params:
        if _given(context, option) and option not in allowed:
            raise InputError(f"--{option.replace('_', '-')} has no meaning for {name}")


def _given(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("import")
