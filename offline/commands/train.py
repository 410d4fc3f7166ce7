"""`botify-offline train`."""

import os
import sys
import time
from pathlib import Path
from typing import Never

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from contract.files import SESSION_MODEL
from contract.interactions import PLAYS
from offline.atomic import check_place
from offline.commands import export
from offline.commands._model_options import make, model_options
from offline.commands._tracked import tell_of_training
from offline.data.catalog import artists_of, catalog_size
from offline.data.plays import no_plays
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.base import Hooks, Recommender
from offline.models.dae import training
from offline.models.dae.recommender import CURVES, DAERecommender
from offline.models.dae.training import Epoch, workers_of_torchrun
from offline.models.dae.training.checkpoint import State
from offline.models.storage import ARTEFACT
from offline.options import SessionOptions, TrainOptions
from offline.tracking import check_installed
from offline.training import SessionInput, train


@click.command("train")
@click.argument("interactions", type=click.Path(path_type=Path, file_okay=False))
@model_options
@click.option(
    "--catalog",
    type=click.Path(path_type=Path),
    help="Path to tracks.json: the number of tracks, and for the session model their artists. "
    "Without it, the items are those of INTERACTIONS.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory to write the model to.",
)
@click.option(
    "--print-every",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Print a line every N epochs (dae).",
)
@click.option(
    "--sessions",
    is_flag=True,
    help="Train the session model too, even where the config does not ask for it (dae).",
)
@click.option("--fresh", is_flag=True, help="Ignore the checkpoint of an interrupted run (dae).")
@click.option(
    "--export",
    "lists",
    type=click.Path(path_type=Path),
    help="Directory to write the lists to as well, as `export` does, with its defaults.",
)
@click.option("--track", is_flag=True, help="Write a run to MLflow (MLFLOW_TRACKING_URI).")
@click.option("--unseen", is_flag=True, help="With --export: without what users have already.")
@click.pass_context
def command(
    context: click.Context,
    interactions: Path,
    model: str | None,
    config: Path | None,
    set_: tuple[str, ...],
    catalog: Path | None,
    out: Path,
    print_every: int,
    sessions: bool,
    fresh: bool,
    lists: Path | None,
    track: bool,
    unseen: bool,
) -> None:
    """Train a model on INTERACTIONS, and write it as the directory OUT.

    INTERACTIONS is a directory that `collect` or `import` made, or one of arrays: indptr.npy,
    indices.npy and about.json {"n_users", "n_items"}, which are read from disk as needed. Which
    model, and its options, are said by --model and --set, or `model: {type: als, factors: 64}`
    in the config.

    `dae`, the denoising autoencoder, holds out some interactions of some users and keeps the epoch
    that ranks them best (NDCG@50). While it runs, OUT.training holds a checkpoint, from which
    the same command resumes after an interruption, and scalars for TensorBoard. Under torchrun,
    processes share each step. With --sessions, or `sessions` in the config, a session-aware model
    is trained on top of it, on all plays of the log: OUT/sessions.safetensors, for the service.
    """
    if unseen and lists is None:
        raise click.UsageError("--unseen is of the lists: name their directory with --export")
    if track:
        check_installed()
    began = time.time()
    chosen = make(model, config, set_)
    if isinstance(chosen, DAERecommender):
        if sessions and chosen.config.sessions is None:
            chosen = DAERecommender(
                chosen.config.model_copy(update={"sessions": SessionOptions()})
            )
        if _train_dae(chosen, interactions, catalog, out, print_every, fresh):
            _export(context, out, interactions, lists, unseen, catalog)
            if track:
                tell_of_training(out, interactions, began)
        return
    for given, name in ((sessions, "sessions"), (fresh, "fresh")):
        if given:
            raise click.UsageError(f"--{name} is for the dae, not for {chosen.name}")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(f"{chosen.name} trains in one process: start it without torchrun")
    check_place(out, ARTEFACT)
    data = _training_data(chosen, interactions, catalog)
    started = time.perf_counter()
    chosen.fit(data, Hooks(progress=sys.stderr.isatty())).save(out)
    click.echo(
        f"{chosen.name} of {len(data.histories):,} users and {data.histories.n_tracks:,} items, "
        f"trained in {time.perf_counter() - started:,.1f} s -> {out}"
    )
    _export(context, out, interactions, lists, unseen, catalog)
    if track:
        tell_of_training(out, interactions, began)


def _export(
    context: click.Context,
    model: Path,
    interactions: Path,
    lists: Path | None,
    unseen: bool,
    catalog: Path | None,
) -> None:
    if lists is not None:
        where = {"model": model, "interactions": interactions, "out": lists}
        context.invoke(export.command, **where, unseen=unseen, catalog=catalog)


def _data(interactions: Path, catalog: Path | None) -> TrainingSet:
    return TrainingSet.open(interactions, None if catalog is None else catalog_size(catalog))


def _training_data(model: Recommender, interactions: Path, catalog: Path | None) -> TrainingSet:
    if model.learns_from == "likes":
        return _data(interactions, catalog)
    if catalog is not None:
        raise click.UsageError(f"--catalog is for music, and {model.name} learns from ratings")
    return TrainingSet.of_ratings(interactions)


def _train_dae(
    model: DAERecommender,
    interactions: Path,
    catalog: Path | None,
    out: Path,
    print_every: int,
    fresh: bool,
) -> bool:
    """Whether this process has written the model: of several, the first does."""
    training_set = _data(interactions, catalog)
    artists = None
    if model.config.sessions is not None:
        artists = _artists(interactions, catalog, training_set.histories.n_tracks)
    with workers_of_torchrun() as workers:
        progress = _Progress(model.config, print_every) if workers.first else None
        hooks = training.Hooks() if progress is None else progress.hooks
        session_input = None
        if artists is not None and progress is not None:
            session_input = SessionInput(interactions, artists, progress.on_session_epoch)
        try:
            run = train(
                model,
                training_set,
                out,
                workers,
                hooks=hooks,
                sessions=session_input,
                fresh=fresh,
            )
        finally:
            if progress is not None:
                progress.close()
    if run is None:
        return False
    best = run.trained.best
    click.echo(
        f"kept epoch {best.number} of {len(run.trained.epochs)}: held-out NDCG@50 "
        f"{best.ndcg:.4f}, recall@50 {best.recall:.4f} -> {out} (curves: {out / CURVES})"
    )
    if run.session_model is not None:
        found = run.session_model.held_out
        click.echo(
            f"session model: listening weight {run.session_model.model.listening_share:.2f}; "
            f"next-like NDCG@50 {found.ndcg:.4f}, recall@50 {found.recall:.4f} on "
            f"{found.likes:,} held-out likes -> {out / SESSION_MODEL}"
        )
    return True


def _artists(interactions: Path, catalog: Path | None, n_tracks: int) -> NDArray[np.int64]:
    """The artists, for the session model; raises InputError if they or the plays are missing."""
    if catalog is None:
        raise InputError("--catalog is missing: the session model needs the artists in it")
    if not (interactions / PLAYS).is_file():
        raise InputError(no_plays(interactions))
    return artists_of(catalog, n_tracks)


class _Progress:
    """The bars, and a line for some epochs."""

    def __init__(self, options: TrainOptions, print_every: int) -> None:
        self.options, self._every = options, print_every
        self._bar: tqdm[Never] | None = None
        self._ndcg = ""

    @property
    def hooks(self) -> training.Hooks:
        return training.Hooks(self._on_start, self._on_step, self._on_epoch)

    def on_session_epoch(self, number: int, loss: float) -> None:
        assert self.options.sessions is not None
        if number == 1:
            self.close()
            self._bar = tqdm(
                total=self.options.sessions.epochs,
                unit=" epochs",
                desc="sessions",
                disable=None,
                file=sys.stderr,
            )
        assert self._bar is not None
        self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        self._bar.update()

    def _on_start(self, state: State, users: int) -> None:
        if state.epoch > 1 or state.step:
            click.echo(f"Resuming from checkpoint (epoch {state.epoch}, step {state.step})")
        self._bar = tqdm(
            total=users * self.options.epochs,
            initial=users * (state.epoch - 1) + state.step * self.options.batch_size,
            unit=" users",
            unit_scale=True,
            disable=None,
            file=sys.stderr,
        )

    def _on_step(self, users: int, loss: float) -> None:
        assert self._bar is not None
        self._bar.set_postfix_str(f"loss {loss:.1f}{self._ndcg}", refresh=False)
        self._bar.update(users)

    def _on_epoch(self, epoch: Epoch) -> None:
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
