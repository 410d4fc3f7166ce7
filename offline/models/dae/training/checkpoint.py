"""The state of a training run in one file, from which it resumes exactly."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from offline.checksums import BLANK, KEY, check_seal, seal
from offline.errors import InputError
from offline.models.dae.network import DAE
from offline.models.dae.training.epochs import Epoch
from offline.models.dae.training.optim import Optimizer

CHECKPOINT = "checkpoint.safetensors"


@dataclass
class State:
    """Where a run is, apart from the model and the optimizer."""

    epoch: int = 1
    """The epoch to resume."""
    step: int = 0
    """Its next step."""
    loss: float = 0.0
    """Sum over the users of the epoch's steps so far."""
    seconds: float = 0.0
    """Spent on those steps."""
    epochs: tuple[Epoch, ...] = ()
    best: dict[str, Tensor] = field(default_factory=dict)
    """Weights of the best epoch."""


@dataclass(frozen=True)
class Identity:
    """The run that a checkpoint belongs to; no other run may resume from it."""

    fingerprint: str
    n_tracks: int
    options: dict[str, object]


def save_checkpoint(
    directory: Path, identity: Identity, state: State, model: DAE, optimizer: Optimizer
) -> None:
    """Replace the directory's checkpoint. A kill at any moment leaves the old one or the new."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best.items()}
    tensors |= {f"adam.{name}": value for name, value in optimizer.state().items()}
    about = {
        "identity": asdict(identity),
        "epoch": state.epoch,
        "step": state.step,
        "loss": state.loss,
        "seconds": state.seconds,
        "epochs": [asdict(epoch) for epoch in state.epochs],
    }
    # One name: a part that a kill has left is overwritten.
    new = directory / f".{CHECKPOINT}.new"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        save_file(tensors, new, {"about": json.dumps(about), KEY: BLANK})
        seal(new)
        new.replace(directory / CHECKPOINT)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            new.unlink()
        raise InputError(f"cannot write a checkpoint into {directory}: {error}") from error


def load_checkpoint(
    directory: Path, identity: Identity, model: DAE, optimizer: Optimizer
) -> State | None:
    """Put model and optimizer back to where the checkpoint was; None where there is none.

    Raises InputError for one that is damaged, or of another run: other data, catalog or options.
    """
    path = directory / CHECKPOINT
    if not path.exists():
        return None
    if not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path} is not a regular file: remove it")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            check_seal(path, metadata.get(KEY))
            about = json.loads(metadata["about"])
            _check_identity(path, identity, Identity(**about["identity"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model.load_state_dict(_part(tensors, "model."))
        optimizer.load(_part(tensors, "adam."))
        return State(
            about["epoch"],
            about["step"],
            about["loss"],
            about["seconds"],
            tuple(Epoch(**epoch) for epoch in about["epochs"]),
            {name: value.to(model.device) for name, value in _part(tensors, "best.").items()},
        )
    except InputError:
        raise
    except Exception as error:  # a damaged file may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: the checkpoint cannot be read ({reason}): delete it to start over"
        ) from None


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _check_identity(path: Path, ours: Identity, theirs: Identity) -> None:
    if theirs.n_tracks != ours.n_tracks:
        raise InputError(
            f"{path}: a checkpoint of a catalog of {theirs.n_tracks} tracks, but this one has "
            f"{ours.n_tracks}: delete it to start over"
        )
    if theirs.fingerprint != ours.fingerprint:
        raise InputError(
            f"{path}: a checkpoint of training on other interactions: delete it to start over"
        )
    for name, value in ours.options.items():
        if theirs.options.get(name) != value:
            raise InputError(
                f"{path}: a checkpoint of training with {name} {theirs.options.get(name)}, not "
                f"{value}: delete it to start over, or train with its options"
            )
