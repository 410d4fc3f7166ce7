"""The tables of a session model, checked before they are served."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from botify.errors import InputError
from botify.files.reading import as_input_errors
from botify.session_model.mapped_arrays import SHA256, Arrays, read_arrays

FORMAT = "botify-sessions-2"
_WITHOUT_CHECKSUM = "botify-sessions-1"
"""The format before, which differs from FORMAT only in that."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tables:
    """Arrays of K known tracks, U users, T tastes and M tracks in tastes; see docs/sessions.md."""

    tracks: NDArray[np.int32]
    """Ids, sorted, shape (K,)."""
    projection: Floats
    """From the encoder's code of h numbers to the r that the decoder takes, shape (r, h)."""
    vectors: Floats
    """The decoder's row and the listening model's vector of each track, shape (K, r + d)."""
    starts: Floats
    """Mean of the tastes that each track is in, shape (K, d)."""
    track_bias: Floats
    first: Floats
    """The encoder's row of each track, shape (K, h0)."""
    first_bias: Floats
    layers: Sequence[tuple[Floats, Floats]]
    """Weight (out, in) and bias of the encoder's other layers."""
    users: Ints
    """Ids, sorted, shape (U,)."""
    user_scale: Floats
    user_bias: Floats
    taste_offsets: Ints
    """User u has the tastes from [u] to [u + 1], shape (U + 1,)."""
    taste_weights: Floats
    tastes: Floats
    """Shape (T, d)."""
    member_offsets: Ints
    """Taste c has the members from [c] to [c + 1], shape (T + 1,)."""
    members: NDArray[np.int32]
    """Places among `tracks`, shape (M,)."""
    artist_discount: float
    dae_weight: float
    listening_weight: float
    offset: float
    skip_weight: float
    use_history: bool
    use_session: bool
    outside_taste_rate: float
    """Probability that a session starts at a track outside its taste (`stray` in the file)."""
    min_taste_weight: float
    """Less likely tastes of a user are left out (`least` in the file)."""
    max_plays: int
    """Plays of a session that count: the first and the latest ones (`heard` in the file)."""

    @classmethod
    def read(cls, path: Path, n_tracks: int, shown_as: Path | None = None) -> Self:
        """Map a file. `shown_as`: the path in messages, if the file is a copy of that one.

        Raises InputError, with the numbers that differ, if it is cut off or damaged, was made for
        another catalog, or has shapes that do not fit each other, NaN or infinity.
        """
        name = shown_as or path
        with as_input_errors(name):
            return cls._read(read_arrays(path, name), name, n_tracks)

    @classmethod
    def _read(cls, found: Arrays, path: Path, n_tracks: int) -> Self:
        try:
            metadata = found.metadata
            if metadata.get("format") not in (FORMAT, _WITHOUT_CHECKSUM):
                raise InputError(
                    f"{path}: its format is {metadata.get('format')!r}, not {FORMAT!r}; "
                    "export it with `botify-offline export`"
                )
            if metadata["format"] == FORMAT and SHA256 not in metadata:
                raise InputError(f"{path}: damaged: its checksum is missing; export it again")
            if int(metadata["n_tracks"]) != n_tracks:
                raise InputError(
                    f"{path}: made for a catalog of {int(metadata['n_tracks']):,} tracks; this "
                    f"one has {n_tracks:,}"
                )
            layers = [
                (found.arrays[f"layer{i}_weight"], found.arrays[f"layer{i}_bias"])
                for i in range(int(metadata["layers"]))
            ]
            plain: dict[str, Any] = {
                n: a for n, a in found.arrays.items() if not n.startswith("layer")
            }
            numbers: dict[str, Any] = {
                name: _finite(metadata[name])
                for name in (
                    "artist_discount",
                    "dae_weight",
                    "listening_weight",
                    "offset",
                    "skip_weight",
                )
            }
            numbers["outside_taste_rate"] = _finite(metadata["stray"])
            numbers["min_taste_weight"] = _finite(metadata["least"])
            numbers |= {name: metadata[name] == "1" for name in ("use_history", "use_session")}
            tables = cls(layers=layers, max_plays=int(metadata["heard"]), **plain, **numbers)
        except KeyError as error:
            raise InputError(f"{path}: {error.args[0]} is missing") from error
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: not a session model ({error})") from error
        _check(path, tables, found, n_tracks)
        return tables


def _check(path: Path, t: Tables, found: Arrays, n_tracks: int) -> None:
    known, users, tastes = len(t.tracks), len(t.users), len(t.tastes)
    if not 0 < t.artist_discount <= 1:
        raise InputError(
            f"{path}: artist_discount is {t.artist_discount}; it must be 0 to 1, not 0"
        )
    if not known:
        raise InputError(f"{path}: the model contains no tracks")
    for name, table in (("tastes", t.tastes), ("first", t.first), ("projection", t.projection)):
        if table.ndim != 2:
            raise InputError(f"{path}: {name} must be a table; its shape is {table.shape}")
    d, width = t.tastes.shape[1], t.first.shape[1]
    wanted = {"tracks": (known,), "starts": (known, d), "track_bias": (known,)}
    wanted |= {"first": (known, width), "first_bias": (width,)}
    for i, (weight, _) in enumerate(t.layers):
        out = weight.shape[0]
        wanted |= {f"layer{i}_weight": (out, width), f"layer{i}_bias": (out,)}
        width = out
    rank = t.projection.shape[0]
    wanted |= {"projection": (rank, width), "vectors": (known, rank + d), "users": (users,)}
    wanted |= {"user_scale": (users,), "user_bias": (users,), "taste_offsets": (users + 1,)}
    wanted |= {"taste_weights": (tastes,), "member_offsets": (tastes + 1,)}
    for name, shape in wanted.items():
        array = found.arrays[name]
        if array.shape != shape:
            raise InputError(f"{path}: {name} has shape {array.shape}; it must have {shape}")
    for name, array in found.arrays.items():
        kind = _INTEGERS.get(name, np.float32)
        if array.dtype != kind:
            raise InputError(f"{path}: {name} holds {array.dtype}, not {np.dtype(kind)}")
        if kind is np.float32 and not np.isfinite(array).all():
            raise InputError(f"{path}: {name} has NaN or infinite entries")
    _sorted(path, "tracks", t.tracks, n_tracks, strict=True)
    _sorted(path, "users", t.users, None, strict=True)
    _sorted(path, "taste_offsets", t.taste_offsets, tastes + 1, strict=False)
    _sorted(path, "member_offsets", t.member_offsets, len(t.members) + 1, strict=False)
    if len(t.members) and not 0 <= t.members.min() <= t.members.max() < known:
        raise InputError(f"{path}: members must be from 0 to {known - 1}")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is not a finite number")
    return value


_INTEGERS = {
    "tracks": np.int32,
    "members": np.int32,
    "users": np.int64,
    "taste_offsets": np.int64,
    "member_offsets": np.int64,
}


def _sorted(
    path: Path, name: str, values: NDArray[Any], below: int | None, *, strict: bool
) -> None:
    steps = np.diff(values)
    fits = not len(values) or (values[0] >= 0 and (below is None or values[-1] < below))
    if not fits or (len(steps) and steps.min() < (1 if strict else 0)):
        limit = "" if below is None else f", from 0 to {below - 1}"
        raise InputError(f"{path}: {name} must be sorted{limit}")
    if not strict and (values[0] != 0 or (below is not None and values[-1] != below - 1)):
        raise InputError(f"{path}: {name} must go from 0 to {(below or 1) - 1}")
