"""`botify-offline collect`: event logs -> interactions."""

import time
from functools import partial
from pathlib import Path

import click

from offline.card import CARD, write_card
from offline.commands._common import engine_option
from offline.data.collect import collect
from offline.logs.bad_lines import BAD_STOP, BAD_TOLD, Skipped, list_bad_lines


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Directory to write, or replace."
)
@click.option(
    "--threshold",
    default=0.8,
    show_default=True,
    help="A play counts as liked when more than this share of the track was heard.",
)
@click.option(
    "--catalog",
    type=click.Path(path_type=Path),
    help="Path to tracks.json, for titles; logs with tracks that are not in it are refused.",
)
@click.option(
    "--allow-bad",
    is_flag=True,
    help="Accept logs with more than 5 % of bad lines, and use the rest.",
)
@click.option(
    "--allow-mixed",
    is_flag=True,
    help="Accept logs of several worlds as if their track ids meant the same.",
)
@engine_option
def command(
    logs: tuple[str, ...],
    out: Path,
    threshold: float,
    catalog: Path | None,
    allow_bad: bool,
    allow_mixed: bool,
    engine: str,
) -> None:
    """Turn event logs into implicit interactions.

    LOGS are files, directories (their data.json* files) or quoted patterns, of JSON Lines, JSON
    Lines in .gz or .zst, or .parquet.
    """
    started = time.perf_counter()
    summary, bad = collect(
        logs,
        out,
        threshold,
        catalog,
        engine,
        most_bad=1.0 if allow_bad else BAD_STOP,
        allow_mixed=allow_mixed,
        describe=partial(write_card, name=out.resolve().name),
    )
    seconds = time.perf_counter() - started
    files = f"{len(summary.files)} file{'s' if len(summary.files) > 1 else ''}"
    skipped = Skipped(summary.lines, summary.bad_lines, bad, summary.faults)
    if skipped.share > BAD_TOLD:
        click.echo(list_bad_lines(skipped, 0)[0])
    click.echo(
        f"{summary.lines:,} lines of {files} in {seconds:.1f} s"
        f" ({summary.lines / seconds:,.0f} lines a second)"
    )
    click.echo("\n".join([*list_bad_lines(skipped), *summary.notes]))
    if summary.users_left_out:
        click.echo(
            f"users left out because their ids are beyond 64 bits: {summary.users_left_out:,}"
        )
    click.echo(
        f"{summary.interactions:,} interactions (time > {threshold:g}) of {summary.users:,} users"
        f" with {summary.items:,} tracks; {summary.users_seen:,} users seen in all"
    )
    click.echo(f"wrote {out} (card: {out / CARD})")


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("collect")
