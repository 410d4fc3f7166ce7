"""train: a model of what came before the cut, and its lists."""

import shutil
from pathlib import Path

from pipeline.nightly import commands
from pipeline.nightly.config import Model
from pipeline.nightly.directory import Result, fingerprint

LISTS = "lists"


def work(events: Path, items: Path, model: Model, out: Path) -> Result:
    """Write model/ and lists/, by `botify-offline import` and `train`."""
    data = out / "data"
    commands.run(
        "botify-offline", *("import", events, "--out", data, "--items", items, "--text-ids")
    )
    options = [
        word for name, value in model.options.items() for word in ("--set", f"{name}={value}")
    ]
    commands.run(
        "botify-offline",
        *("train", data, "--model", model.name, *options),
        *("--out", out / "model", "--export", out / LISTS),
    )
    shutil.rmtree(data)
    # The service reads the items as the shop has them, with those that nobody came to yet.
    shutil.copyfile(items, out / LISTS / "items.json")
    return Result({"lists": sum(1 for _ in (out / LISTS / "recommendations.json").open())})


def version(train: Path) -> str:
    """The version of the lists of a night."""
    return fingerprint(train / LISTS)[:12]
