"""`botify-offline load-csv`: CSV files of ratings and movies -> a database."""

import time
from pathlib import Path

import click

from offline.commands._bars import step_bars
from offline.databases.connect import open_database
from offline.load_csv.load import load_csv
from offline.logs.bad_lines import list_bad_lines


@click.command("load-csv")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--to",
    required=True,
    metavar="DATABASE",
    help="postgresql://USER@HOST/NAME, or a file that ends in .duckdb or .sqlite.",
)
@click.option(
    "--allow-bad",
    is_flag=True,
    help="Accept a file with more than 5 % of bad rows, and load the rest.",
)
def command(files: tuple[Path, ...], to: str, allow_bad: bool) -> None:
    """Load CSV files of ratings, links and movies into a database.

    The header of a file says which it is: ratings.csv, links.csv and movies.csv of MovieLens, or
    movies_metadata.csv of The Movies Dataset. Tables get keys and indexes. All is one transaction,
    and a row that is there already is replaced: a load that is ended early or run again never
    doubles a row.
    """
    started = time.perf_counter()
    open_database(to, writes=True).close()  # before minutes of reading
    with step_bars() as stage:
        loaded = load_csv(files, to, allow_bad=allow_bad, stage=stage)
    for rows, new, total in loaded:
        noun = "row" if rows.count == 1 else "rows"
        told = [
            f"{rows.path.name}: {rows.count:,} {noun} to {rows.table.name}, {new:,} of them new"
        ]
        if rows.repeats:
            which = "the latest" if rows.table.latest in rows.names else "the first"
            told.append(f"  {rows.repeats:,} rows repeat a key: {which} is taken")
        told += [f"  {note}" for note in rows.notes]
        if rows.skipped.bad:
            told += [f"  {line}" for line in list_bad_lines(rows.skipped, noun="row")]
        told.append(f"  {rows.table.name} has {total:,} rows")
        click.echo("\n".join(told))
    click.echo(f"loaded in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("load-csv")
