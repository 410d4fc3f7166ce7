"""`botify-offline import`: data of any origin -> interactions."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from offline.card import as_text, facts_of, write_card
from offline.data.collect import collect
from offline.engine.progress import Report
from offline.errors import InputError
from offline.importing.formats.generic import with_items
from offline.importing.load import load_source
from offline.importing.registry import FORMATS, guess_format, make_format
from offline.importing.source import Columns
from offline.logs.bad_lines import BAD_STOP, Skipped, list_bad_lines

_ROLES = ("user", "item", "value", "time", "kind", "title")


def _column_options(command: Any) -> Any:
    for role in reversed(_ROLES):
        command = click.option(
            f"--{role}-column", metavar="NAME", help=f"Column of the {role}; else guessed."
        )(command)
    return command


def _list_formats(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    for name in FORMATS.names:
        problem = FORMATS.problem(name)
        click.echo(f"{name:<13}{problem or make_format(name).about}")
    context.exit()


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--format", "format_", metavar="NAME", help="The format of SOURCE; else guessed.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Directory to write, or replace."
)
@_column_options
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
    "--list-formats",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_formats,
    help="List the formats, installed ones too, and exit.",
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
    source: Path,
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
    **columns: str | None,
) -> None:
    """Turn data of any origin into interactions.

    SOURCE is a file, or a directory with the files that a data set is published as. Ids stay as
    their owner has them. What is guessed, and what is left out, is told, and is in OUT/card.html.
    """
    started = time.perf_counter()
    notes: list[str] = []
    if format_ is None:
        format_, notes = guess_format(source)
        notes.append(f"format guessed: {format_}")
    elif not source.exists():
        raise InputError(f"{source}: no such file or directory")
    asked = Columns(**{name.removesuffix("_column"): value for name, value in columns.items()})
    if format_ == "botify-log":
        _refuse_others(context, format_, allowed=("allow_bad",))
        summary, bad = collect([source], out, most_bad=1.0 if allow_bad else BAD_STOP)
        write_card(out, bad)
        skipped = Skipped(summary.lines, summary.bad_lines, bad, summary.faults)
        lines, skipped_lines = summary.lines, list_bad_lines(skipped)
    else:
        form = make_format(format_)
        if asked.named and not form.generic and format_ != "recbole":
            raise InputError(f"--{min(asked.named)}-column: the columns of {format_} are known")
        found = form.open(source, asked)
        if liked_from is not None:
            found = found.given(liked_from=liked_from)
        if items is not None:
            found = with_items(found, items, found.files[0].columns.item, None)
        for role, absent in (("value", no_value), ("time", no_time)):
            if absent:
                found = found.given(
                    files=tuple(
                        replace(file, columns=replace(file.columns, **{role: None}))
                        for file in found.files
                    )
                )
        with _bars() as stage:
            imported = load_source(
                found.given(notes=(*notes, *found.notes)),
                out,
                format_,
                unit=time_unit,
                text_ids=text_ids,
                repeats=repeats,
                allow_bad=allow_bad,
                stage=stage,
            )
        summary, lines = imported.summary, imported.summary.lines
        skipped_lines = list_bad_lines(imported.skipped, noun="row")
    seconds = time.perf_counter() - started
    files = f"{len(summary.files)} file{'s' if len(summary.files) > 1 else ''}"
    click.echo(f"{lines:,} rows of {files} in {seconds:.1f} s")
    told = dict.fromkeys([*skipped_lines, *notes, *summary.notes])
    click.echo("\n".join([*told, as_text(facts_of(out))]))
    click.echo(f"wrote {out} (card: {out / 'card.html'})")


def _refuse_others(context: click.Context, name: str, allowed: tuple[str, ...]) -> None:
    """Raises InputError for an option that is given and has no meaning for a format."""
    for option in context.params:
        source = context.get_parameter_source(option)
        if source is click.core.ParameterSource.COMMANDLINE and option not in (
            *allowed,
            "source",
            "format_",
            "out",
        ):
            raise InputError(f"--{option.replace('_', '-')} has no meaning for {name}")


@contextmanager
def _bars() -> Iterator[Any]:
    """A bar for the step that runs, on a terminal."""
    bar: Any = tqdm(
        total=1.0,
        disable=None,
        file=sys.stderr,
        leave=False,
        bar_format="{desc} {percentage:3.0f} %|{bar}| {elapsed}",
    )

    def stage(name: str) -> Report:
        bar.reset()
        bar.set_description_str(name)

        def report(share: float) -> None:
            bar.n = share
            bar.refresh()

        return report

    try:
        yield stage
    finally:
        bar.close()


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("import")
