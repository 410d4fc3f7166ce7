"""`botify-offline train`."""

import sys
from pathlib import Path

import click
from tqdm import tqdm

from offline.artefact import CURVES, save_artefact
from offline.catalog import catalog_size
from offline.interactions import Interactions
from offline.options import load_options
from offline.training import Epoch, fit


@click.command("train")
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False))
@click.option("--catalog", required=True, type=click.Path(path_type=Path), help="tracks.json.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The model's directory."
)
@click.option(
    "--config",
    "config_path",
    default=Path("config/train.yml"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Options of the model and its training.",
)
@click.option(
    "--print-every",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Print a line every so many epochs.",
)
def command(
    interactions: Path, catalog: Path, out: Path, config_path: Path, print_every: int
) -> None:
    """Train the denoising autoencoder on INTERACTIONS, a directory that `collect` made.

    Some interactions of some users are held out; the epoch that ranks them
    best (NDCG@50) is kept.
    """
    options = load_options(config_path)
    data = Interactions.load(interactions)
    matrix = data.matrix(catalog_size(catalog))
    with tqdm(
        total=len(data.users) * options.epochs, unit=" users", disable=None, file=sys.stderr
    ) as bar:

        def on_epoch(epoch: Epoch) -> None:
            bar.set_postfix_str(f"loss {epoch.loss:.1f}, NDCG@50 {epoch.ndcg:.3f}")
            if epoch.number % print_every == 0 or epoch.number == 1:
                tqdm.write(
                    f"epoch {epoch.number:>3}: loss {epoch.loss:8.3f}, held-out NDCG@50 "
                    f"{epoch.ndcg:.4f}, recall@50 {epoch.recall:.4f}, "
                    f"{epoch.users_per_second:,.0f} users/s"
                )

        trained = fit(matrix, options, on_epoch, bar.update)
    save_artefact(out, trained, options, data.summary.fingerprint)
    best = trained.best
    click.echo(
        f"kept epoch {best.number} of {len(trained.epochs)}: held-out NDCG@50 {best.ndcg:.4f}, "
        f"recall@50 {best.recall:.4f} -> {out} (curves: {out / CURVES})"
    )
