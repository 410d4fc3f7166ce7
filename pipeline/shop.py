"""A shop to play with: history, lists, ranker, service, visitors and verdict."""

import csv
import json
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import click
import yaml

from pipeline.steps import run_command, serving, step

CONFIG = Path("config/shop_experiment.yml")
EXPERIMENT = "FULL_VS_POPULAR"
_METRIC = "carts_per_visitor"
_READ_SECONDS = 120
_GROUPS = 5000
"""That a ranker is trained on, about: more take longer, and say little more."""


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
def main(out: Path, seed: int, model: str, items: int | None, visitors: int | None) -> None:
    """Make a shop, learn from its history, serve, and judge popular items against all of it."""
    started = time.monotonic()
    if out.exists() and not out.is_dir():
        raise click.UsageError(f"--out {out} is a file; name a directory")
    out.mkdir(parents=True, exist_ok=True)
    world = out / "world"

    step("1/7 world: items, and visitors with tastes who look, put into the cart and buy")
    today = datetime.now(UTC).date()
    run_command(
        *("botify-sim", "shop-world", "--out", world, "--seed", seed, "--until", today),
        *Size(items, visitors).options(),
    )
    step("2/7 import: the events as interactions to learn from, and as lines of the event log")
    shutil.rmtree(out / "history", ignore_errors=True)
    learn(out, world / "events.csv", model)
    train_ranker(out, world / "items.json", world / "events.csv")
    step("5/7 serve: the visitors are split between popular items (C) and the full stack (T1)")
    config = _config(out)
    shutil.rmtree(out / "log", ignore_errors=True)
    with serving("--config", config) as port:
        wait_for_history(port, world / "events.csv")
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
    click.echo("\n" + compared(told, json.loads((out / "effects.json").read_text())))
    click.echo(f"\nFinished in {time.monotonic() - started:.0f} s; the page: {out}/report.html")


def learn(out: Path, events: Path, model: str) -> None:
    """Interactions, history, model and lists under `out`, from a file of events."""
    data = out / "data"
    run_command("botify-offline", "import", events, "--out", data, "--events", out / "history")
    step(f"3/7 train: {model} learns which items go together; lists for visitors and items")
    run_command(
        *("botify-offline", "train", data, "--model", model),
        *("--out", out / "model", "--export", out / "lists"),
    )


def train_ranker(out: Path, items: Path, events: Path) -> None:
    """A ranker under `out`, of what visitors looked at next: nobody was shown anything."""
    step("4/7 rank: what do visitors look at next, of all that is similar, seen before or popular")
    with events.open() as file:
        share = min(1.0, _GROUPS / max(1, sum(1 for _ in file)))
    run_command(
        *("botify", "shop", "features", out / "history", "--items", items),
        *("--out", out / "features", "--name", "similar=neighbours"),
        *("--target", "view", "--share", f"{share:.3f}", "--candidates", 40),
    )
    run_command(
        *("botify-offline", "train-ranker", out / "features", "--out", out / "ranker"),
        *("--set", "trees=150"),
    )


def wait_for_history(port: int, events: Path) -> None:
    """Wait until the service knows what all visitors did; it reads the newest events first.

    Else what is recommended would depend on how fast it reads. Ends the program after a while.
    """
    last: dict[str, int] = {}
    with events.open(newline="") as file:
        for row in csv.DictReader(file):
            last[row["user"]] = int(row["timestamp"])
    user = min(last, key=lambda one: last[one])
    url, until = f"http://127.0.0.1:{port}/events/{user}?k=1", time.monotonic() + _READ_SECONDS
    while time.monotonic() < until:
        with urlopen(url, timeout=10) as answer:
            if json.loads(answer.read())["events"]:
                return
        time.sleep(0.2)
    raise click.ClickException(f"the service did not read its history in {_READ_SECONDS} s")


def _config(out: Path) -> Path:
    """The config of the service with the places of this run, in a file under `out`."""
    content: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    content |= {"data_dir": str(out.resolve()), "log_dir": str((out / "log").resolve())}
    content["events"] = {"history": [str((out / "history").resolve())]}
    path = out / "shop.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


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
    return (
        f"add-to-carts per visitor, T1 against C: measured {row['effect']:+.1f} % "
        f"({lower:+.1f} to {upper:+.1f})\n"
        f"the truth: {true:+.1f} % by the chances of what T1 looked at, beside the same visitors "
        f"with popular items; {inside} the interval\n"
        f"the best items on every page would give {best:+.1f} % (all visitors)"
    )


if __name__ == "__main__":
    main()
