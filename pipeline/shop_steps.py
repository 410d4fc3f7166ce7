"""What a generated shop and a replay of real events share: what is learned, and the service."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import click
import yaml

from pipeline.steps import run_command

CONFIG = Path("config/shop_experiment.yml")
_READ_SECONDS = 120
_GROUPS = 6000
"""That a ranker is trained on, about: more take longer, and say little more."""


def learn(data: Path, out: Path, model: str) -> None:
    """Model and lists under `out`, from interactions."""
    run_command(
        *("botify-offline", "train", data, "--model", model),
        *("--out", out / "model", "--export", out / "lists"),
    )


def train_ranker(out: Path, items: Path) -> None:
    """A ranker under `out`, of what was put into the cart, from the events in `out`/history.

    Nobody was shown anything there. A cart comes right after a view of the item, so the question
    is what the visitor should have been shown before that view.
    """
    carts = 0
    for path in (out / "history").iterdir():
        with path.open("rb") as file:
            carts += sum(b'"addtocart"' in line for line in file)
    share = min(1.0, _GROUPS / max(1, carts))
    run_command(
        *("botify", "shop", "features", out / "history", "--items", items),
        *("--out", out / "features", "--name", "similar=neighbours"),
        *("--before-view", "--share", f"{share:.3f}", "--candidates", 40),
    )
    run_command(
        *("botify-offline", "train-ranker", out / "features", "--out", out / "ranker"),
        *("--set", "trees=150"),
    )


def config_of(out: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """The config of the service with the places of this run, in a file under `out`; its log is
    empty. `changes`: other keys."""
    content: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    content |= {"data_dir": str(out.resolve()), "log_dir": str((out / "log").resolve())}
    content["events"] = {"history": [str((out / "history").resolve())]}
    content |= changes or {}
    shutil.rmtree(out / "log", ignore_errors=True)
    path = out / "shop.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def wait_for_history(port: int, user: str) -> None:
    """Wait until the service knows what this visitor did; it reads the newest events first.

    Else what is recommended would depend on how fast it reads. Ends the program after a while.
    """
    url, until = f"http://127.0.0.1:{port}/events/{user}?k=1", time.monotonic() + _READ_SECONDS
    while time.monotonic() < until:
        with urlopen(url, timeout=10) as answer:
            if json.loads(answer.read())["events"]:
                return
        time.sleep(0.2)
    raise click.ClickException(f"the service did not read its history in {_READ_SECONDS} s")
