"""The table of quality: our results by data set and model, beside published ones."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

import click

from bench.common.results import Found
from bench.common.tables import spread, table

MODELS = {
    "popular": "Popular",
    "item-knn": "ItemKNN",
    "bpr": "BPR",
    "als": "ALS",
    "ease": "EASE",
    "pure-svd": "PureSVD",
    "dae": "Mult-DAE",
    "vae": "Mult-VAE",
    "linear-dae": "Linear DAE",
    "recbole-multidae": "RecBole MultiDAE",
}
"""Names on the command line, and how they are shown, in the order of the table."""
METRICS = ("recall@20", "ndcg@20")
# LightGCN's split; the BARS leaderboard and the papers.
PUBLISHED = {
    "gowalla": {
        "item-knn": "ItemKNN .1570 / .1214",
        "bpr": "MF-BPR .1627 / .1378",
        "ease": "EASE^R .1765 / .1467",
        "vae": ".1641 / .1335",
    }
}
NOT_RUN = {
    "gowalla": "SLIM .1699 / .1382, YoutubeDNN .1754 / .1473, LightGCN .1830 / .1554 (its own "
    "repository), Turbo-CF .1835, GF-CF .1849 / .1518, UltraGCN .1862 / .1580, SimpleX "
    ".1872 / .1557, BSPM-EM .1920 / .1597"
}

Results = Mapping[str, Mapping[str, Sequence[Found]]]
"""By data set and model: the runs, one for each seed."""


def report(results: Results) -> None:
    """Print a table for each data set, and RecBole's own evaluation."""
    for dataset, by_model in results.items():
        if not any(by_model.values()):
            continue
        click.echo(f"### {dataset}\n")
        table(
            (
                "model",
                "recall@20",
                "NDCG@20",
                "published, recall@20 / NDCG@20",
                "to train, s",
                "to recommend, s",
                "peak memory, MB",
                "runs",
            ),
            [
                (MODELS[model], *_row(runs, PUBLISHED.get(dataset, {}).get(model, "")))
                for model, runs in by_model.items()
                if runs
            ],
        )
        if dataset in NOT_RUN:
            click.echo(f"Published, not run here: {NOT_RUN[dataset]}.\n")
        if by_model.get("recbole-multidae"):
            _recbole(by_model["recbole-multidae"])


def with_spread(values: Sequence[float]) -> str:
    """Mean ± sample standard deviation over seeds; the value alone for one run."""
    shown = f"{mean(values):.4f}"
    return shown if len(values) == 1 else f"{shown} ± {stdev(values):.4f}"


def _row(runs: Sequence[Found], published: str) -> tuple[str, ...]:
    def all_of(name: str) -> list[float]:
        return [run[name] for run in runs]

    return (
        *(with_spread(all_of(metric)) for metric in METRICS),
        published,
        spread(all_of("seconds_to_train"), 1),
        spread(all_of("seconds_to_recommend"), 1),
        spread(all_of("peak_memory_mb")),
        str(len(runs)),
    )


def _recbole(runs: Sequence[Found]) -> None:
    own = " / ".join(with_spread([run["own"][metric] for run in runs]) for metric in METRICS)
    click.echo(
        f"RecBole by its own evaluation: {own}. {runs[0]['epochs']} epochs, chosen with the first "
        "seed on a tenth of the training interactions, which took "
        f"{runs[0]['seconds_to_choose_epochs']:,.0f} s besides; "
        f"{spread([s for run in runs for s in run['seconds_an_epoch']], 1)} s an epoch.\n"
    )
