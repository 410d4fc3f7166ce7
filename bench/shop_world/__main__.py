"""Generated events beside real ones, as a table: `python -m bench.shop_world --data DIR`."""

import tempfile
from pathlib import Path

import click
import pandas as pd

from bench.shop_world.measures import (
    generated_sessions,
    like_retailrocket,
    measures,
    real_sessions,
    repeated,
    repeated_targets,
)
from sim.shop.history import write_history
from sim.shop.world import ShopOptions, generate_shop

_MONDAY_MS = 1_780_272_000_000  # 2026-06-01
_AS_LARGE = ShopOptions(items=40_000, visitors=5_000, days=140)
"""So that as many visitors, events and items come out as retailrocket-2k has."""


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder with retailrocket-2k and retailrocket-sessions.",
)
@click.option("--seed", default=31337, show_default=True)
@click.option("--visitors", default=_AS_LARGE.visitors, show_default=True)
def main(data: Path, seed: int, visitors: int) -> None:
    """Print a table. The behaviour was fitted to even visitors, and to training sessions."""
    real = pd.read_csv(data / "retailrocket-2k/events.csv").rename(
        columns={"visitorid": "user", "itemid": "item"}
    )
    even = real["user"] % 2 == 0
    options = ShopOptions(_AS_LARGE.items, visitors, _AS_LARGE.days)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        write_history(generate_shop(options, seed), path, _MONDAY_MS, lambda done: None)
        made = pd.read_csv(path)
    made["timestamp"] //= 1000
    tables = [measures(real[even]), measures(real[~even]), measures(like_retailrocket(made))]
    sessions = data / "retailrocket-sessions"
    name = "views of an item that the session had, %"
    tables[0][name] = repeated(real_sessions(sessions / "train.txt.gz"))
    tables[1][name] = repeated_targets(sessions / "test.txt.gz")
    tables[2][name] = repeated(generated_sessions(made))
    click.echo("| measure | real, fitted to | real, the other part | generated |")
    click.echo("|---|---:|---:|---:|")
    for name in tables[0]:
        click.echo(f"| {name} | " + " | ".join(_number(table[name]) for table in tables) + " |")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
