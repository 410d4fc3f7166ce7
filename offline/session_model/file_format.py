"""The session model as the file that the service reads."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from offline.atomic import write_atomic
from offline.checksums import BLANK, KEY, sealed
from offline.errors import InputError
from offline.session_model.model import MAX_PLAYS, MIN_TASTE_WEIGHT, OUTSIDE_TASTE_RATE, SessionDAE

FORMAT = "botify-sessions-2"


def save_session_model(path: Path, model: SessionDAE, users: NDArray[np.int64]) -> None:
    """Write the model in safetensors, whole or not at all.

    `users`: the sorted id of each row of its tables. The arrays are described in
    docs/sessions.md. Raises InputError where it cannot be written.
    """
    dae, table, listening, o = model.dae, model.tastes, model.listening, model.options
    arrays = {
        "tracks": dae.tracks.cpu().numpy().astype(np.int32),
        "projection": model.projection,
        "vectors": np.hstack([model.decoder, listening.tracks]),
        "starts": model.starts,
        "track_bias": listening.track_bias,
        "first": dae.first.detach().cpu().numpy(),
        "first_bias": dae.first_bias.detach().cpu().numpy(),
        "users": users.astype(np.int64),
        "user_scale": listening.user_scale,
        "user_bias": listening.user_bias,
        "taste_offsets": table.offsets.astype(np.int64),
        "taste_weights": table.weights,
        "tastes": listening.tastes,
        "member_offsets": table.bounds.astype(np.int64),
        "members": table.members,
    }
    for name, weight in dae.layers.state_dict().items():
        number, _, part = name.partition(".")
        arrays[f"layer{number}_{part}"] = weight.cpu().numpy()
    about = {
        "format": FORMAT,
        "n_tracks": dae.n_tracks,
        "layers": len(dae.layers),
        "artist_discount": model.artist_discount,
        "dae_weight": model.weights[0],
        "listening_weight": model.weights[1],
        "offset": o.offset,
        "skip_weight": o.skip_weight,
        "use_history": int(o.use_history),
        "use_session": int(o.use_session),
        "stray": OUTSIDE_TASTE_RATE,
        "least": MIN_TASTE_WEIGHT,
        "heard": MAX_PLAYS,
        KEY: BLANK,
    }
    try:
        content = save(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            {key: str(value) for key, value in about.items()},
        )
        write_atomic(path, sealed(content))
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write the session model to {path}: {error}") from error
