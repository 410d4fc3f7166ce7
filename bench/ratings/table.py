"""The tables of the benchmark of ratings."""

from collections.abc import Mapping
from statistics import mean

import click

from bench.common.results import Found
from bench.common.tables import table

CLOCKS = ("cpu", "wall")
_SURPRISE_EPOCHS = 20
"""Of SVD and SVD++ by default."""


def report(results: Mapping[str, Mapping[str, Found]]) -> None:
    """Print a table for each data set, by data set and model."""
    for name, found in results.items():
        if name == "large":
            _large(found["svd"])
            continue
        click.echo(f"### {name}\n")
        steps = [key for key in found if "steps" in key]
        rows = [_row(key, one) for key, one in found.items() if key not in steps]
        columns = ("model", "RMSE", "MAE", "CPU, s", "wall, s", "peak memory, MB")
        table(columns, rows)
        for key in steps:
            one = found[key]
            click.echo(f"{key}: {one['wall']:.2f} s, CPU {one['cpu']:.2f} s.\n")
        biases = [one["rmse_of_biases"] for one in found.values() if "rmse_of_biases" in one]
        if biases:
            click.echo(f"Biases alone, damped: RMSE {biases[0]:.4f}.\n")


def _row(name: str, found: Found) -> tuple[str, ...]:
    if "fit_cpu" not in found:
        return (
            name,
            f"{found['rmse']:.4f} ± {found['rmse_95']:.4f}",
            f"{found['mae']:.4f}",
            f"{found['cpu']:.1f}",
            f"{found['wall']:.1f}",
            f"{found['peak_mb']:,.0f}",
        )
    if found["epochs"] == 1:
        fold = found["fit_cpu"][0] * _SURPRISE_EPOCHS + found["test_cpu"][0]
        return (f"{name}, from one pass", "", "", f"{5 * fold:,.0f} (1 fold: {fold:,.0f})", "", "")
    cpu, wall = (sum(found[f"fit_{clock}"]) + sum(found[f"test_{clock}"]) for clock in CLOCKS)
    shown = f"{mean(found['rmse']):.4f}", f"{mean(found['mae']):.4f}"
    return (name, *shown, f"{cpu:,.1f}", f"{wall:,.1f}", "")


def _large(found: Found) -> None:
    click.echo("### Millions of ratings\n")
    passes = found["seconds_of_epochs"]
    click.echo(
        f"{found['ratings']:,} ratings of {found['users']:,} users and {found['items']:,} items, "
        f"svd with {found['factors']} factors: {found['seconds_to_read']:.1f} s to read, "
        f"{min(passes):.2f} to {max(passes):.2f} s a pass, {found['peak_mb']:,.0f} MB at most.\n"
    )
