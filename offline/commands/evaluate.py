"""`botify-offline evaluate`."""

import json
from pathlib import Path

import click
import numpy as np

from offline.artefact import load_artefact
from offline.evaluation import evaluate
from offline.interactions import Interactions
from offline.metrics import RankingMetrics
from offline.training import K


@click.command("evaluate")
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of text.")
def command(model: Path, interactions: Path, as_json: bool) -> None:
    """Measure MODEL on the interactions that its training held out, next to popularity.

    NDCG@50 and recall@50, mean over users with a 95 % interval; what the user
    was trained on is not offered.
    """
    found = evaluate(load_artefact(model), Interactions.load(interactions))
    for name, metrics in found.items():
        click.echo(json.dumps(_facts(name, metrics)) if as_json else _text(name, metrics))


def _facts(name: str, metrics: RankingMetrics) -> dict[str, object]:
    facts: dict[str, object] = {"model": name, "users": len(metrics.ndcg)}
    for metric, values in metrics._asdict().items():
        facts[f"{metric}@{K}"] = float(values.mean())
        # One user has no spread: an interval of no width would say too much.
        spread = values.std(ddof=1) if len(values) > 1 else np.inf
        facts[f"{metric}@{K}_95"] = min(1.0, float(1.96 * spread / np.sqrt(len(values))))
    return facts


def _text(name: str, metrics: RankingMetrics) -> str:
    facts = _facts(name, metrics)
    return f"{name:<8}" + "  ".join(
        f"{metric}@{K} {facts[f'{metric}@{K}']:.4f} ± {facts[f'{metric}@{K}_95']:.4f}"
        for metric in metrics._fields
    )
