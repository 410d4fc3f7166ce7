"""The model that hears sessions as the file that the service reads."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save

from offline.errors import InputError
from offline.sessions.model import HEARD, LEAST, STRAY, SessionDAE

FORMAT = "botify-sessions-1"


def save_sessions(path: Path, model: SessionDAE, users: np.ndarray) -> None:
    """Write the model in safetensors, whole or not at all.

    `users`: the sorted id of each row of its tables. The arrays are described in
    docs/sessions.md. Raises InputError where it cannot be written.
    """
    dae, table, listening, o = model.dae, model.tastes, model.listening, model.options
    arrays = {
        "tracks": dae.tracks.cpu().numpy().astype(np.int32),
        "vectors": model.vectors,
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
    for number, layer in enumerate(dae.layers):
        arrays[f"layer{number}_weight"] = layer.weight.detach().cpu().numpy()
        arrays[f"layer{number}_bias"] = layer.bias.detach().cpu().numpy()
    about = {
        "format": FORMAT,
        "n_tracks": dae.n_tracks,
        "layers": len(dae.layers),
        "artist_discount": model.artist_discount,
        "dae_weight": o.dae_weight,
        "listening_weight": o.listening_weight,
        "offset": o.offset,
        "skip_weight": o.skip_weight,
        "use_history": int(o.use_history),
        "use_session": int(o.use_session),
        "stray": STRAY,
        "least": LEAST,
        "heard": HEARD,
    }
    try:
        content = save(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            {key: str(value) for key, value in about.items()},
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write the model of sessions to {path}: {error}") from error
