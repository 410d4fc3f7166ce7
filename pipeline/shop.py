"""A shop to play with: history, lists, ranker, service, visitors and verdict."""

import csv
import json
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipeline.shop_replay import replay
from pipeline.shop_steps import config_of, learn, train_ranker, wait_for_history
from pipeline.steps import run_command, serving, step

EXPERIMENT = "FULL_VS_POPULAR"
_METRIC = "carts_per_visitor"


@dataclass(frozen=True)
class Size:
    """Of a generated shop; None: as the simulator has it."""

    items: int | None
    visitors: int | None

    def options(self) -> list[object]:
        """For `botify-sim shop-world`."""
        named = (("--items", self.items), ("--visitors", self.visitors))
        return [word for name, value in named if value is not None for word in (name, value)]


@click.command()
@click.option("--out", type=Path, default=Path("out/shop"), show_default=True)
@click.option("--seed", default=31337, show_default=True, help="Of the shop and its visitors.")
@click.option("--model", default="covisit", show_default=True, help="What learns the lists.")
@click.option("--items", type=int, help="Items of the generated shop.")
@click.option("--visitors", type=int, help="Visitors of the generated shop.")
@click.option(
    "--events",
    type=click.Path(path_type=Path, exists=True),
    help="Replay these events instead of a generated shop's; any form that `import` reads.",
)
@click.option(
    "--replayed",
    type=click.IntRange(min=1),
    default=5000,
    show_default=True,
    help="Events that happen again, at most.",
)
def main(
    out: Path,
    seed: int,
    model: str,
    items: int | None,
    visitors: int | None,
    events: Path | None,
    replayed: int,
) -> None:
    """Make a shop, learn from its history, serve, and judge popular items against all of it."""
    started = time.monotonic()
    if out.exists() and not out.is_dir():
        raise click.UsageError(f"--out {out} is a file; name a directory")
    out.mkdir(parents=True, exist_ok=True)
    if events is None:
        told = _generated(out, seed, model, Size(items, visitors))
        page = out / "report.html"
    else:
        told = replay(events, out, model, replayed, time.time_ns() // 1_000_000)
        page = out / "replay.html"
    click.echo(f"\n{told}")
    click.echo(f"\nFinished in {time.monotonic() - started:.0f} s; the page: {page}")


def _generated(out: Path, seed: int, model: str, size: Size) -> str:
    world = out / "world"
    step("1/7 world: items, and visitors with tastes who look, put into the cart and buy")
    today = datetime.now(UTC).date()
    run_command(
        *("botify-sim", "shop-world", "--out", world, "--seed", seed, "--until", today),
        *size.options(),
    )
    step("2/7 import: the events as interactions to learn from, and as lines of the event log")
    shutil.rmtree(out / "history", ignore_errors=True)
    run_command(
        *("botify-offline", "import", world / "events.csv", "--out", out / "data"),
        *("--events", out / "history"),
    )
    step(f"3/7 train: {model} learns which items go together; lists for visitors and items")
    learn(out / "data", out, model)
    step("4/7 rank: what was put into carts, of what is similar, seen before or popular")
    train_ranker(out, world / "items.json")
    step("5/7 serve: the visitors are split between popular items (C) and the full stack (T1)")
    with serving("--config", config_of(out)) as port:
        wait_for_history(port, _oldest(world / "events.csv"))
        step("6/7 visitors: they come back, or for the first time, and see what is recommended")
        run_command(
            *("botify-sim", "shop", "--world", world, "--url", f"http://127.0.0.1:{port}"),
            *("--experiment", EXPERIMENT, "--json", out / "truth.json"),
        )
    step("7/7 analyze: does it put more into carts, by how much, and with what confidence")
    run_command(
        *("botify-offline", "analyze", out / "log", "--experiment", EXPERIMENT),
        *("--out", out / "report.html", "--json", out / "effects.json"),
    )
    told = json.loads((out / "truth.json").read_text())
    return compared(told, json.loads((out / "effects.json").read_text()))


def _oldest(events: Path) -> str:
    """The visitor whose last event is the oldest: it is read back last."""
    last: dict[str, int] = {}
    with events.open(newline="") as file:
        for row in csv.DictReader(file):
            last[row["user"]] = int(row["timestamp"])
    return min(last, key=lambda one: last[one])


def compared(told: dict[str, Any], effects: dict[str, Any]) -> str:
    """The verdict beside the truth.

    `told`: what `botify-sim shop --json` wrote; `effects`: what `analyze --json` did.
    """
    if len(told["treatments"]) < 2:
        return "all visitors were in one treatment: nothing to compare"
    # Of the same visitors: how the two halves differ by chance is no part of the effect.
    arm = told["treatments"]["T1"]
    true = 100 * (arm["expected_carts"] / arm["popular"] - 1)
    best = 100 * (told["truth"]["oracle"] / told["truth"]["popular"] - 1)
    [row] = [row for row in effects["metrics"] if row["metric"] == _METRIC]
    if not row["interval"] or row["effect"] is None:
        return "add-to-carts per visitor: too few to compare"
    lower, upper = row["interval"]
    inside = "inside" if lower <= true <= upper else "NOT inside"
    by_chance = 100 * (arm["popular"] / told["treatments"]["C"]["popular"] - 1)
    return (
        f"add-to-carts per visitor, T1 against C: measured {row['effect']:+.1f} % "
        f"({lower:+.1f} to {upper:+.1f})\n"
        f"the truth: {true:+.1f} % by the chances of what T1 looked at, beside the same visitors "
        f"with popular items; {inside} the interval\n"
        "the luck of the draw: with popular items for all, T1's visitors would have "
        f"{by_chance:+.1f} % beside C's\n"
        f"the best items on every page would give {best:+.1f} % (all visitors)"
    )


if __name__ == "__main__":
    main()
