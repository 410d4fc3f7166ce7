"""A trained model as a directory: weights, options, metrics, and what it was trained on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from contract.files import SESSION_MODEL
from offline.atomic import new_directory
from offline.checksums import BLANK, KEY, check_seal, check_sum, seal, sum_of
from offline.errors import InputError
from offline.models.dae.network import DAE
from offline.models.dae.training.epochs import Trained
from offline.models.dae.training.plot import plot_epochs
from offline.options import TrainOptions
from offline.session_model import FittedSessionModel, save_session_model

WEIGHTS, MODEL_JSON, CURVES = "model.safetensors", "model.json", "training.png"
FILE_SUMS = "files"
"""In MODEL_JSON: the SHA-256 of the files of numbers, by name."""


@dataclass(frozen=True)
class Artefact:
    """A model read back, with the options and the data's fingerprint it was trained with."""

    model: DAE
    options: TrainOptions
    fingerprint: str
    about: dict[str, Any]

    def check_trained_on(self, fingerprint: str) -> None:
        """Raises InputError unless this is of the interactions that the model learned from."""
        if fingerprint != self.fingerprint:
            raise InputError(
                "the model was trained on other interactions than these: train again, or name "
                "the directory it was trained on"
            )


def save_artefact(
    directory: Path,
    trained: Trained,
    options: TrainOptions,
    fingerprint: str,
    sessions: FittedSessionModel | None = None,
    users: NDArray[np.int64] | None = None,
) -> None:
    """Write a trained model as a directory, whole or not at all.

    Parameters
    ----------
    directory : Path
        Gets `model.safetensors`, `model.json` and the training curves, `training.png`.
    trained : Trained
        As `fit` gives it.
    options : TrainOptions
        Those it was trained with.
    fingerprint : str
        Of the interactions it was trained on.
    sessions : FittedSessionModel, optional
        The session model, written as `sessions.safetensors`.
    users : array of int64, shape (n_users,), optional
        With `sessions`: the id of each row of the training set.

    Raises
    ------
    InputError
        Where the directory holds something else, or cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import TrainOptions, fit, save_artefact
    >>> options = TrainOptions(hidden=(4,), epochs=1)
    >>> trained = fit(sparse.csr_matrix(np.tri(40, 60)), options)
    >>> save_artefact(Path("model"), trained, options, fingerprint="made up")
    >>> sorted(path.name for path in Path("model").iterdir())
    ['model.json', 'model.safetensors', 'training.png']
    """
    about = {
        "model": "dae",
        "n_tracks": trained.model.n_tracks,
        "options": options.model_dump(mode="json"),
        "fingerprint": fingerprint,
        "best": asdict(trained.best),
        "epochs": [asdict(epoch) for epoch in trained.epochs],
        "sessions": None if sessions is None else sessions.held_out._asdict(),
    }
    try:
        with new_directory(directory, MODEL_JSON) as new:
            save_file(trained.model.state_dict(), new / WEIGHTS)
            (new / WEIGHTS).chmod(0o644)  # as of other files: another user may run the export
            if sessions is not None:
                save_session_model(new / SESSION_MODEL, sessions.model, np.asarray(users))
            plot_epochs(trained.epochs, trained.best.number, new / CURVES)
            about[FILE_SUMS] = {
                name: sum_of(new / name)
                for name in (WEIGHTS, SESSION_MODEL)
                if (new / name).exists()
            }
            (new / MODEL_JSON).write_text(json.dumps(about | {KEY: BLANK}, indent=2) + "\n")
            seal(new / MODEL_JSON)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write the model to {directory}: {error}") from error


def load_artefact(directory: Path) -> Artefact:
    """Read a model directory.

    Parameters
    ----------
    directory : Path
        As `save_artefact` or `botify-offline train` writes it.

    Returns
    -------
    Artefact
        The model, its options, and the fingerprint of its interactions.

    Raises
    ------
    InputError
        Where there is no model, or a damaged one.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import TrainOptions, fit, load_artefact, save_artefact
    >>> options = TrainOptions(hidden=(4,), epochs=1)
    >>> trained = fit(sparse.csr_matrix(np.tri(40, 60)), options)
    >>> save_artefact(Path("model"), trained, options, fingerprint="made up")
    >>> load_artefact(Path("model")).model.n_tracks
    60
    """
    if not (directory / MODEL_JSON).is_file():
        raise InputError(
            f"{directory}: no model there: make one with `botify-offline train --out {directory}`"
        )
    try:
        about = _read_about(directory / MODEL_JSON)
        check_seal(directory / MODEL_JSON, about.get(KEY))
        for name, digest in about[FILE_SUMS].items():
            check_sum(directory / name, digest)
        options = TrainOptions.model_validate(about["options"])
        weights = load_file(directory / WEIGHTS)
        tracks = weights["tracks"].numpy()
        model = DAE(int(about["n_tracks"]), tracks, options.hidden, torch.Generator())
        model.load_state_dict(weights)
    except Exception as error:  # a damaged file may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{directory}: the model cannot be read ({reason}): train again"
        ) from None
    if any(not torch.isfinite(weight).all() for weight in model.parameters()):
        raise InputError(
            f"{directory}: the model has weights that are NaN or infinite: train again"
        )
    return Artefact(model, options, about["fingerprint"], about)


def _read_about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text())
        if not isinstance(about, dict):
            raise ValueError("no JSON object")
        return about
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {error}") from error
