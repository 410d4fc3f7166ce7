"""`botify-offline reconcile`: is every event that was served in the logs, shipped, and judged?"""

import json
from dataclasses import asdict
from pathlib import Path

import click

from offline.commands._common import write_text
from offline.errors import InputError
from offline.logs.reconcile import Reconciliation, read_analysed, read_log, read_served, reconcile

_FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--served",
    multiple=True,
    metavar="URL|FILE",
    help="URL of the service's /metrics, or a saved response; repeat for each run of the service.",
)
@click.option(
    "--logged", multiple=True, metavar="LOGS", help="Logs that the service wrote; may be repeated."
)
@click.option(
    "--shipped",
    multiple=True,
    metavar="LOGS",
    help="Logs that the data client shipped; may be repeated.",
)
@click.option("--analysed", type=_FILE, help="The file that `analyze --json` wrote.")
@click.option("--json", "json_out", type=_FILE, help="Write the result as JSON to this file.")
@click.pass_context
def command(
    ctx: click.Context,
    served: tuple[str, ...],
    logged: tuple[str, ...],
    shipped: tuple[str, ...],
    analysed: Path | None,
    json_out: Path | None,
) -> None:
    """Count the events of each hour (UTC) at every stage, and say where some are missing.

    Give two stages or more. Exit code 1 where they differ.
    """
    if sum(map(bool, (served, logged, shipped, analysed))) < 2:
        raise InputError("give at least two of --served, --logged, --shipped, --analysed")
    counts = read_served(served) if served else None
    stages = [read_log("logged", logged)] if logged else []
    if shipped:
        stages.append(read_log("shipped", shipped))
    if analysed is not None:
        stages.append(read_analysed(analysed))
    found = reconcile(counts, stages)
    if json_out is not None:
        write_text(json_out, json.dumps(asdict(found), indent=2) + "\n")
    click.echo(_table(found))
    for line in (*found.notes, *found.missing):
        click.echo(line)
    if found.missing:
        ctx.exit(1)
    click.echo(f"Nothing is missing: {found.totals[0]:,} events at every stage.")


def _table(found: Reconciliation) -> str:
    lines = ["hour (UTC)    " + "".join(f"{name:>12}" for name in found.stages)]
    lines += [
        f"{row.hour:<14}" + "".join(f"{count:>12,}" for count in row.events) for row in found.rows
    ]
    if len(found.rows) > 1:
        lines.append(f"{'all':<14}" + "".join(f"{count:>12,}" for count in found.totals))
    return "\n".join(lines)


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("reconcile")
