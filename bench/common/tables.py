"""How figures are written: Markdown, medians with ranges."""

import os
import platform
from collections.abc import Sequence
from statistics import median

import click


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median (smallest to largest)."""
    middle, low, high = (
        f"{value:,.{digits}f}" for value in (median(values), min(values), max(values))
    )
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are figures."""
    click.echo(f"| {' | '.join(columns)} |")
    click.echo(f"|---|{'---:|' * (len(columns) - 1)}")
    for row in rows:
        click.echo(f"| {' | '.join(row)} |")
    click.echo()


def machine() -> str:
    """The machine that the figures were measured on."""
    return f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"
