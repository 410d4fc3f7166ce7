"""DAE_SESSION under load beside DAE: what hearing the session costs a request."""

from pathlib import Path

import numpy as np
import yaml
from safetensors.numpy import save_file
from serve_data import Data
from serve_running import CONFIG, botify, script
from serve_speed import Contender

_KNOWN, _HIDDEN, _RANK, _D = 6_115, 300, 64, 24
"""Of the model of the full-scale generated world."""
_TASTES, _MEMBERS = 4, 6
"""Of each user; there, 3.8 and 5.9."""
_MODEL = "lists/sessions.safetensors"

HEARING = "DAE_SESSION"


def dae_alone(data: Data, log_dir: Path, port: int) -> list[object]:
    """Everybody gets lists."""
    return _serve(data, log_dir, port, "dae", {"default": "dae"})


def dae_session(data: Data, log_dir: Path, port: int) -> list[object]:
    """Everybody is heard."""
    recommenders = {"dae_session": {"type": "session", "model": "hears", "list": "dae"}}
    changes = {"models": {"hears": _MODEL}, "recommenders": recommenders, "default": "dae_session"}
    _make_model(data)
    return _serve(data, log_dir, port, "dae_session", changes)


HEARS: dict[str, Contender] = {"DAE (lists)": dae_alone, HEARING: dae_session}


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
    """Random numbers in the shapes of a real one: what they say does not matter to the time."""
    rng = np.random.default_rng(data.users)
    known = min(_KNOWN, data.tracks)
    tastes = data.users * _TASTES

    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.1, shape).astype(np.float32)

    arrays = {
        "tracks": np.sort(rng.choice(data.tracks, known, replace=False)).astype(np.int32),
        "projection": numbers(_RANK, _HIDDEN),
        "vectors": numbers(known, _RANK + _D),
        "starts": numbers(known, _D),
        "track_bias": numbers(known),
        "first": numbers(known, _HIDDEN),
        "first_bias": numbers(_HIDDEN),
        "users": np.arange(data.users, dtype=np.int64),
        "user_scale": np.ones(data.users, np.float32),
        "user_bias": np.full(data.users, -2, np.float32),
        "taste_offsets": np.arange(data.users + 1, dtype=np.int64) * _TASTES,
        "taste_weights": np.full(tastes, 1 / _TASTES, np.float32),
        "tastes": numbers(tastes, _D),
        "member_offsets": np.arange(tastes + 1, dtype=np.int64) * _MEMBERS,
        "members": rng.integers(known, size=tastes * _MEMBERS).astype(np.int32),
    }
    about: dict[str, object] = {
        "format": "botify-sessions-1",
        "n_tracks": data.tracks,
        "layers": 0,
        "artist_discount": 0.8,
        "dae_weight": 1.2,
        "listening_weight": 1.5,
        "offset": -3.0,
        "skip_weight": 0.5,
        "use_history": 1,
        "use_session": 1,
        "stray": 0.02,
        "least": 0.02,
        "heard": 100,
    }
    path = data.directory / _MODEL
    save_file(arrays, path, {key: str(value) for key, value in about.items()})
