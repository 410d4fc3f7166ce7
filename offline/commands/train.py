"""`botify-offline train`."""

import shutil
import sys
from pathlib import Path
from typing import Never

import click
from tqdm import tqdm

from offline.artefact import CURVES, MODEL_JSON, SESSION_MODEL, save_artefact
from offline.atomic import check_place
from offline.data.catalog import artists_of, catalog_size
from offline.data.interactions import PLAYS
from offline.data.plays import no_plays
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.dae.training import Checkpoints, Epoch, Hooks, fit, workers_of_torchrun
from offline.models.dae.training.checkpoint import CHECKPOINT, State
from offline.models.dae.training.epochs import Trained
from offline.models.dae.training.tensorboard import ScalarWriter
from offline.options import SessionOptions, TrainOptions, load_options
from offline.session_model import FittedSessionModel, fit_session_model


@click.command("train")
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--catalog", type=click.Path(path_type=Path), help="tracks.json; arrays do without it."
)
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
@click.option(
    "--sessions",
    is_flag=True,
    help="Train a model that hears sessions too, as the config may say.",
)
@click.option("--fresh", is_flag=True, help="Start anew where a run was interrupted.")
def command(
    interactions: Path,
    catalog: Path | None,
    out: Path,
    config_path: Path,
    print_every: int,
    sessions: bool,
    fresh: bool,
) -> None:
    """Train the denoising autoencoder on INTERACTIONS.

    INTERACTIONS is a directory that `collect` made, or one of arrays: indptr.npy, indices.npy and
    about.json {"n_users", "n_items"}, which are read from disk as they are needed.

    Some interactions of some users are held out; the epoch that ranks them best (NDCG@50) is
    kept. While it runs, OUT.training holds a checkpoint, from which the same command goes on
    after an interruption, and scalars for TensorBoard. Under torchrun, processes share each step.

    With --sessions, or `sessions` in the config, a model that hears the session as well is
    trained on top of it, on all plays of the log: OUT/sessions.safetensors, for the service.
    """
    options = load_options(config_path)
    if sessions and options.sessions is None:
        options = options.model_copy(update={"sessions": SessionOptions()})
    if catalog is None and not (interactions / "indptr.npy").exists():
        raise InputError("--catalog is missing: name the world's tracks.json")
    training_set = TrainingSet.open(
        interactions, None if catalog is None else catalog_size(catalog)
    )
    if options.sessions is not None:
        _check_sessions(interactions, catalog)
    check_place(out, MODEL_JSON)
    work = out.with_name(f"{out.name}.training")
    with workers_of_torchrun() as workers:
        if workers.first and (fresh or not (work / CHECKPOINT).exists()):
            (work / CHECKPOINT).unlink(missing_ok=True)
            shutil.rmtree(work / "scalars", ignore_errors=True)
        workers.wait()  # nobody looks for a checkpoint before it is gone
        shown = _Shown(options, print_every) if workers.first else None
        with ScalarWriter(work / "scalars" if workers.first else None) as scalars:

            def on_epoch(epoch: Epoch) -> None:
                scalars.add(epoch)
                if shown is not None:
                    shown.on_epoch(epoch)

            hooks = Hooks(on_epoch=on_epoch)
            if shown is not None:
                hooks = Hooks(shown.on_start, shown.on_step, on_epoch)
            try:
                trained = fit(
                    training_set.histories,
                    options,
                    hooks=hooks,
                    checkpoints=Checkpoints(work, training_set.fingerprint),
                    workers=workers,
                )
            finally:
                if shown is not None:
                    shown.close()
        fitted = None
        if workers.first:
            if options.sessions is not None and catalog is not None:
                fitted = _hear_sessions(
                    trained, training_set, interactions, catalog, options.sessions
                )
            save_artefact(
                out, trained, options, training_set.fingerprint, fitted, training_set.users
            )
            shutil.move(work / "scalars", out / "scalars")
            shutil.rmtree(work)
        workers.wait()  # who leaves first may take the others down
        if not workers.first:
            return
    best = trained.best
    click.echo(
        f"kept epoch {best.number} of {len(trained.epochs)}: held-out NDCG@50 {best.ndcg:.4f}, "
        f"recall@50 {best.recall:.4f} -> {out} (curves: {out / CURVES})"
    )
    if fitted is not None:
        found = fitted.held_out
        share = fitted.model.listening_share
        click.echo(
            f"hears sessions: {100 * share:.0f} % of the score is the listening model's; "
            f"{found.likes:,} likes of held-out sessions, next-like NDCG@50 "
            f"{found.ndcg:.4f}, recall@50 {found.recall:.4f} -> {out / SESSION_MODEL}"
        )


def _check_sessions(interactions: Path, catalog: Path | None) -> None:
    """Before anything is trained: raises InputError where sessions could not be heard."""
    if catalog is None:
        raise InputError("--catalog is missing: sessions are heard with the artists it names")
    if not (interactions / PLAYS).is_file():
        raise InputError(no_plays(interactions))


def _hear_sessions(
    trained: Trained,
    training_set: TrainingSet,
    interactions: Path,
    catalog: Path,
    options: SessionOptions,
) -> FittedSessionModel:
    artists = artists_of(catalog, trained.model.n_tracks)
    with tqdm(
        total=options.epochs, unit=" epochs", desc="sessions", disable=None, file=sys.stderr
    ) as bar:

        def on_epoch(number: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update()

        return fit_session_model(
            trained.model, training_set, interactions, artists, options, on_epoch=on_epoch
        )


class _Shown:
    """The bar, and a line for some epochs."""

    def __init__(self, options: TrainOptions, print_every: int) -> None:
        self._options, self._every = options, print_every
        self._bar: tqdm[Never] | None = None
        self._ndcg = ""

    def on_start(self, state: State, users: int) -> None:
        if state.epoch > 1 or state.step:
            click.echo(f"goes on from a checkpoint: epoch {state.epoch}, step {state.step}")
        self._bar = tqdm(
            total=users * self._options.epochs,
            initial=users * (state.epoch - 1) + state.step * self._options.batch_size,
            unit=" users",
            unit_scale=True,
            disable=None,
            file=sys.stderr,
        )

    def on_step(self, users: int, loss: float) -> None:
        assert self._bar is not None
        self._bar.set_postfix_str(f"loss {loss:.1f}{self._ndcg}", refresh=False)
        self._bar.update(users)

    def on_epoch(self, epoch: Epoch) -> None:
        self._ndcg = f", NDCG@50 {epoch.ndcg:.3f}"
        if epoch.number % self._every == 0 or epoch.number == 1:
            tqdm.write(
                f"epoch {epoch.number:>3}: loss {epoch.loss:8.3f}, held-out NDCG@50 "
                f"{epoch.ndcg:.4f}, recall@50 {epoch.recall:.4f}, "
                f"{epoch.users_per_second:,.0f} users/s"
            )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("train")
