"""How a simulated listener behaves; nothing else defines it."""

import math

import numpy as np
from numpy.typing import NDArray

from sim.jit import compiled


@compiled
def listening_time(
    affinity: float, bias: float, sharpness: float, gamma: float, plays: int
) -> float:
    """Share of a track that a listener plays, in [0, 1], two decimals.

    time = round(sigmoid((affinity - bias) * sharpness) * gamma ** plays, 2).
    `affinity` is the inner product of the track with the session's taste,
    `plays` the number of earlier plays of its artist in the session. A track
    played before in the session is not heard at all: the caller sees to that.
    """
    return round2(expected_share(affinity, bias, sharpness) * discount(gamma, plays))


@compiled
def expected_share(affinity: float, bias: float, sharpness: float) -> float:
    """sigmoid((affinity - bias) * sharpness), for values of any size."""
    logit = min(max((affinity - bias) * sharpness, -700.0), 700.0)
    return 1.0 / (1.0 + math.exp(-logit))


@compiled
def discount(gamma: float, plays: int) -> float:
    """gamma ** plays, as C's pow gives it."""
    return math.pow(gamma, float(plays)) if plays else 1.0


@compiled
def affinity(embeddings: NDArray[np.float32], track: int, taste: int) -> float:
    """Inner product of two rows, summed in float64 in one fixed order.

    Four sums run side by side, since each step of one sum waits for the step before.
    """
    a, b = embeddings[track], embeddings[taste]
    d = len(a) - len(a) % 4
    w, x, y, z = 0.0, 0.0, 0.0, 0.0
    for i in range(0, d, 4):
        w += np.float64(a[i]) * np.float64(b[i])
        x += np.float64(a[i + 1]) * np.float64(b[i + 1])
        y += np.float64(a[i + 2]) * np.float64(b[i + 2])
        z += np.float64(a[i + 3]) * np.float64(b[i + 3])
    for i in range(d, len(a)):
        w += np.float64(a[i]) * np.float64(b[i])
    return (w + x) + (y + z)


@compiled
def round2(value: float) -> float:
    """Two decimals, as Python's round() gives them; 0 <= value <= 1.

    value * 100 is itself rounded, which gives wrong results near a half
    (round(0.015, 2) is 0.01, since the float 0.015 is a little less). So the
    error of the product is computed exactly, and decides there: Dekker, "A
    floating-point technique for extending the available precision" (1971).
    """
    scaled = value * 100.0
    whole = np.floor(scaled)
    above = scaled - (whole + 0.5)
    if abs(above) < 1e-9:
        split = value * 134217729.0  # 2**27 + 1: high and low have 26 bits each
        high = split - (split - value)
        above += (high * 100.0 - scaled) + (value - high) * 100.0
    if above > 0.0 or (above == 0.0 and whole % 2.0 == 1.0):
        whole += 1.0
    return float(whole / 100.0)
