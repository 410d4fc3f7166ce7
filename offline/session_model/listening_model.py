"""How much of a track is heard in a session of a given taste: a factorisation of shares.

logit(share heard) = scale_u * (q_c . v_t + b_t) + bias_u for a play of track t by user u in a
session of taste c: each listener has a threshold and a sharpness of their own, each
taste and each track a direction. A bilinear item response model: Rasch's and Birnbaum's, with
the ability a vector. See Reckase, "Multidimensional item response theory" (2009).

Shares in a log are rounded, so a prediction that rounds to the share is right: the loss is the
squared distance of the logit from the interval of those that do. It lets a play that was broken
off at once say "at most this", and one in the middle what it says exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.jit import compiled
from offline.options import SessionOptions

Floats = NDArray[np.float32]

_ROUNDING = 0.005
"""Half of the step to which a log rounds shares."""
_LARGEST_STEP = 2.0
"""Residuals count up to this: one interrupted play must not move a taste."""
_MOST, _FAR = 0.999, 1e9
_FIRST_BIAS = -1.0
_START = 1e-3
"""Adagrad's sums of squares begin here, those of single numbers at ten times this."""


@dataclass(frozen=True, eq=False)
class ListeningModel:
    """The learned parameters; `d` is the number of directions."""

    tastes: Floats
    """Shape (n_tastes, d)."""
    tracks: Floats
    """Shape (n_tracks, d)."""
    track_bias: Floats
    """Shape (n_tracks,)."""
    user_scale: Floats
    """Shape (n_users,), positive."""
    user_bias: Floats
    """Shape (n_users,)."""


def fit_listening(
    users: NDArray[np.int64],
    tastes: NDArray[np.int64],
    tracks: NDArray[np.int64],
    bounds: tuple[Floats, Floats],
    n_users: int,
    first: tuple[Floats, Floats],
    options: SessionOptions,
    on_epoch: Callable[[int, float], object] = lambda number, loss: None,
) -> ListeningModel:
    """Learn from plays: user, taste, track and share heard of each, arrays of shape (n,).

    `bounds`: of the logits of the shares (`logit_bounds`). `first`: where tastes and tracks
    begin, shapes (n_tastes, d) and (n_tracks, d). Adagrad (Duchi, Hazan and Singer, JMLR 2011),
    one play a step, in an order drawn anew each epoch: one thread, so that a seed gives the same
    result everywhere. `on_epoch` is told its number, from 1, and the mean loss.
    """
    rng = np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence((options.seed, 1))))
    q, v = (np.array(x, dtype=np.float32) for x in first)
    singles = [np.zeros(len(v), np.float32), np.full(n_users, _FIRST_BIAS, np.float32)]
    singles.append(np.zeros(n_users, np.float32))  # the log of the scale
    sums = [np.full_like(x, _START if x.ndim == 2 else 10 * _START) for x in (q, v, *singles)]
    low, high = bounds
    rate, decay = np.float32(options.learning_rate), np.float32(options.decay)
    for number in range(1, options.epochs + 1):
        order = rng.permutation(len(users))
        tables = (q, v, *singles, *sums)
        loss = _epoch(order, users, tastes, tracks, low, high, tables, rate, decay)
        on_epoch(number, loss / max(1, len(users)))
    bias, user_bias, log_scale = singles
    return ListeningModel(q, v, bias, np.exp(log_scale), user_bias)


def logit_bounds(shares: Floats, kept: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """The interval of logits whose shares round to the logged ones.

    `kept`: the factor on the share for reasons that have nothing to do with the track, 1 if there
    are none; the bounds are those of the share before.
    """
    low = (shares.astype(np.float64) - _ROUNDING) / kept
    high = (shares.astype(np.float64) + _ROUNDING) / kept
    with np.errstate(divide="ignore", invalid="ignore"):
        lower = np.where(low > 0, np.log(low / (1 - np.minimum(low, _MOST))), -_FAR)
        upper = np.where(high < 1, np.log(high / (1 - high)), _FAR)
    return lower.astype(np.float32), upper.astype(np.float32)


@compiled(fastmath=True)
def _epoch(  # type: ignore[no-untyped-def]
    order, users, tastes, tracks, low, high, tables, rate, decay
):  # pragma: no cover
    q, v, b, ub, us, gq, gv, gb, gub, gus = tables
    loss = 0.0
    d = q.shape[1]
    for e in order:
        c, t, u = tastes[e], tracks[e], users[e]
        x = b[t]
        for k in range(d):
            x += q[c, k] * v[t, k]
        scale = np.exp(us[u])
        z = scale * x + ub[u]
        g = min(np.float32(0.0), z - low[e]) + max(np.float32(0.0), z - high[e])
        loss += 0.5 * g * g
        g = max(np.float32(-_LARGEST_STEP), min(np.float32(_LARGEST_STEP), g))
        for k in range(d):
            qk, vk = q[c, k], v[t, k]
            dq = g * scale * vk + decay * qk
            dv = g * scale * qk + decay * vk
            gq[c, k] += dq * dq
            gv[t, k] += dv * dv
            q[c, k] = qk - rate * dq / np.sqrt(gq[c, k])
            v[t, k] = vk - rate * dv / np.sqrt(gv[t, k])
        gub[u] += g * g
        ub[u] -= rate * g / np.sqrt(gub[u])
        db = g * scale
        gb[t] += db * db
        b[t] -= rate * db / np.sqrt(gb[t])
        ds = g * scale * x
        gus[u] += ds * ds
        us[u] -= rate * ds / np.sqrt(gus[u])
    return loss
