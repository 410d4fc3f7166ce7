"""How a simulated listener behaves: the only place where it is written."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def listening_time(
    affinity: Floats, bias: Floats, sharpness: Floats, discount: Floats, heard: NDArray[np.bool_]
) -> Floats:
    """Share of a track that a listener plays, in [0, 1], two decimals; all arrays have shape (n,).

    time = round(sigmoid((affinity - bias) * sharpness) * discount, 2), and 0
    for a track heard before in the session. `affinity` is the inner product
    of the track with the session's taste; `discount` is gamma ** (earlier
    plays of its artist in the session).
    """
    share = discount / (1.0 + np.exp(np.clip((bias - affinity) * sharpness, -700.0, 700.0)))
    return np.where(heard, 0.0, round2(share))


def round2(values: Floats) -> Floats:
    """Two decimals, as Python's round() gives them.

    Scaling by 100 first, as np.round does, rounds some values that lie next
    to a half the other way (round(0.015, 2) is 0.01, np.round gives 0.02):
    those few go through round() itself.
    """
    scaled = values * 100.0
    rounded = np.rint(scaled) / 100.0
    near_half = np.abs(scaled - np.floor(scaled) - 0.5) < 1e-9
    if near_half.any():
        rounded[near_half] = [round(value, 2) for value in values[near_half].tolist()]
    return rounded


def affinities(
    embeddings: NDArray[np.float32], tracks: NDArray[np.int64], tastes: NDArray[np.int64]
) -> Floats:
    """Inner products of the rows `tracks` with the rows `tastes`, shape (n,).

    Products are summed per row in float64, so a value depends on its two rows alone.
    """
    products = embeddings[tracks].astype(np.float64) * embeddings[tastes]
    return np.asarray(products.sum(axis=1))
