"""What `train --track` and `evaluate --track` write to MLflow, and say of it on stderr."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import click

from contract.interactions import SUMMARY
from contract.tracking import flat, numbers
from offline.models.storage import ARTEFACT
from offline.tracking import Run, log


def tell_of_training(model: Path, interactions: Path, began: float) -> None:
    """A run of a model directory: its config, its data, metrics of each epoch, its pictures.

    `began`: seconds since 1970. The model itself stays where it is.
    """
    about = json.loads((model / ARTEFACT).read_text())
    metrics = about["metrics"] or {}
    run = Run(
        f"train {about['model']}",
        {
            **about["config"],
            "model": about["model"],
            "data": interactions.resolve().name,
            "data fingerprint": about["fingerprint"],
        },
        {
            **{name: value for name, value in metrics.items() if name != "epochs"},
            "users": about["users"],
            "items": about["items"],
        },
        metrics.get("epochs", ()),
        [model / ARTEFACT, *sorted(model.glob("*.png"))],
        {"kind": "train", "version": str(about["version"])},
        began,
    )
    click.echo(log(run), err=True)


def tell_of_measures(
    facts: Mapping[str, object], options: Mapping[str, object], data: Path
) -> None:
    """A run of what `evaluate` prints: numbers as metrics, the rest as parameters."""
    found = flat(facts)
    metrics = numbers(found)
    metrics.pop("seed", None)
    told = {name: value for name, value in found.items() if name not in metrics}
    params = {**options, **told, "data fingerprint": _fingerprint(data)}
    run = Run(f"evaluate {facts['model']}", params, metrics, tags={"kind": "evaluate"})
    click.echo(log(run), err=True)


def _fingerprint(data: Path) -> str:
    """Of interactions what they say of themselves; of other data the SHA-256 of their files."""
    if (data / SUMMARY).is_file():
        return str(json.loads((data / SUMMARY).read_text())["fingerprint"])
    digest = hashlib.sha256()
    for file in sorted(data.rglob("*")) if data.is_dir() else [data]:
        if file.is_file():
            digest.update(f"{file.name} {file.stat().st_size} ".encode())
            with file.open("rb") as content:
                while part := content.read(2**20):
                    digest.update(part)
    return digest.hexdigest()
