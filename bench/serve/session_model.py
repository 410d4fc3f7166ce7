"""DAE_SESSION under load beside DAE: the cost of the session model per request."""

from pathlib import Path

import numpy as np
import torch
import yaml

from bench.serve.data import Data
from bench.serve.servers import CONFIG, botify, script
from bench.serve.speed import Contender
from offline.models.dae.network import DAE
from offline.options import SessionOptions
from offline.session_model import save_session_model
from offline.session_model.listening_model import ListeningModel
from offline.session_model.model import SessionDAE
from offline.session_model.taste_table import TasteTable

_KNOWN, _HIDDEN = 6_115, 300
"""Of the model of the full-scale generated world."""
_TASTES, _MEMBERS = 4, 6
"""Of each user; there, 3.8 and 5.9."""
_OPTIONS = SessionOptions()
_MODEL = "lists/sessions.safetensors"

SESSION_AWARE = "DAE_SESSION"


def dae_alone(data: Data, log_dir: Path, port: int) -> list[object]:
    """Everybody gets lists."""
    return _serve(data, log_dir, port, "dae", {"default": "dae"})


def dae_session(data: Data, log_dir: Path, port: int) -> list[object]:
    """Every user is answered by the session model."""
    recommenders = {"dae_session": {"type": "session", "model": "session_model", "list": "dae"}}
    changes = {
        "models": {"session_model": _MODEL},
        "recommenders": recommenders,
        "default": "dae_session",
    }
    if not (data.directory / _MODEL).exists():
        _make_model(data)
    return _serve(data, log_dir, port, "dae_session", changes)


LISTS_OR_MODEL: dict[str, Contender] = {"DAE (lists)": dae_alone, SESSION_AWARE: dae_session}


def _serve(
    data: Data, log_dir: Path, port: int, name: str, changes: dict[str, object]
) -> list[object]:
    config = data.directory / f"{name}.yml"
    content = yaml.safe_load(CONFIG.read_text()) | {"experiments": {}} | changes
    config.write_text(yaml.safe_dump(content))
    command = botify(data, log_dir, port)
    assert command[:2] == [script("botify"), "serve"]
    return [config if word == CONFIG else word for word in command]


def _make_model(data: Data) -> None:
    """Random numbers in the shapes of a real model: their values do not affect the time."""
    rng = np.random.default_rng(data.users)
    known = min(_KNOWN, data.tracks)
    tracks = np.sort(rng.choice(data.tracks, known, replace=False))
    tastes = data.users * _TASTES

    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.1, shape).astype(np.float32)

    model = SessionDAE(
        DAE(data.tracks, tracks, (_HIDDEN,), torch.Generator().manual_seed(data.users)),
        TasteTable(
            np.arange(data.users + 1) * _TASTES,
            np.full(tastes, 1 / _TASTES, np.float32),
            np.arange(tastes + 1) * _MEMBERS,
            rng.integers(known, size=tastes * _MEMBERS).astype(np.int32),
        ),
        ListeningModel(
            numbers(tastes, _OPTIONS.dimensions),
            numbers(data.tracks, _OPTIONS.dimensions),
            numbers(data.tracks),
            np.ones(data.users, np.float32),
            np.full(data.users, -2, np.float32),
        ),
        0.8,
        _OPTIONS,
    )
    save_session_model(data.directory / _MODEL, model, np.arange(data.users))
