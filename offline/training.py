"""One training run of the autoencoder, which resumes and may have several processes."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.files import SESSION_MODEL
from offline.atomic import check_place
from offline.data.training_set import TrainingSet
from offline.models.dae.recommender import DAERecommender
from offline.models.dae.training import Checkpoints, Epoch, Hooks, Trained, Workers, fit
from offline.models.dae.training.checkpoint import CHECKPOINT
from offline.models.dae.training.tensorboard import ScalarWriter
from offline.models.storage import ARTEFACT
from offline.session_model import FittedSessionModel, fit_session_model, save_session_model


@dataclass(frozen=True, eq=False)
class SessionInput:
    """The training data of the session model, beside the interactions."""

    interactions: Path
    """The directory that `collect` wrote, with its plays."""
    artists: NDArray[np.int64]
    """A number for each track's artist, shape (n_tracks,)."""
    on_epoch: Callable[[int, float], object] = lambda number, loss: None
    """Called with the number of each finished epoch, from 1, and its mean loss."""


@dataclass(frozen=True, eq=False)
class Run:
    """The result of a run: the autoencoder, and the session model if one was asked for."""

    trained: Trained
    session_model: FittedSessionModel | None


def train(
    model: DAERecommender,
    training_set: TrainingSet,
    out: Path,
    workers: Workers,
    *,
    hooks: Hooks,
    sessions: SessionInput | None = None,
    fresh: bool = False,
) -> Run | None:
    """Train, and write the model directory `out`, whole or not at all.

    While it runs, the directory `out`.training holds a checkpoint, from which the same call
    resumes after an interruption unless `fresh`, and scalars for TensorBoard. With `sessions`,
    the session model is trained as well. Only the first of several workers writes; the others
    get None. Raises InputError for an `out` that holds something else, for what `fit` and
    `fit_session_model` refuse, and for files that cannot be written.
    """
    check_place(out, ARTEFACT)
    work = out.with_name(f"{out.name}.training")
    if workers.first and (fresh or not (work / CHECKPOINT).exists()):
        (work / CHECKPOINT).unlink(missing_ok=True)
        shutil.rmtree(work / "scalars", ignore_errors=True)
    workers.wait()  # no worker may look for a checkpoint that is about to be deleted
    with ScalarWriter(work / "scalars" if workers.first else None) as scalars:

        def on_epoch(epoch: Epoch) -> None:
            scalars.add(epoch)
            hooks.on_epoch(epoch)

        trained = fit(
            training_set.histories,
            model.config,
            hooks=replace(hooks, on_epoch=on_epoch),
            checkpoints=Checkpoints(work, training_set.fingerprint),
            workers=workers,
        )
    found = None
    if workers.first:
        fitted = None
        if model.config.sessions is not None and sessions is not None:
            fitted = fit_session_model(
                trained.model,
                training_set,
                sessions.interactions,
                sessions.artists,
                model.config.sessions,
                on_epoch=sessions.on_epoch,
            )
        model.keep(trained, training_set, fitted and fitted.held_out._asdict())
        model.save(out, also=partial(_write_session_model, fitted, training_set))
        shutil.move(work / "scalars", out / "scalars")
        shutil.rmtree(work)
        found = Run(trained, fitted)
    workers.wait()  # a worker that leaves early may take the others down
    return found


def _write_session_model(
    fitted: FittedSessionModel | None, training_set: TrainingSet, directory: Path
) -> None:
    if fitted is not None:
        save_session_model(directory / SESSION_MODEL, fitted.model, training_set.users)
