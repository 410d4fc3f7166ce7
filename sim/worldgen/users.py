"""Makes listeners from what they play most, with the traits of the user model."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.world.model import Users


class Library(NamedTuple):
    """The tracks that each user plays, the most played first: tracks[bounds[u]:bounds[u + 1]]."""

    bounds: NDArray[np.int64]
    tracks: NDArray[np.int64]


def make_users(library: Library, n_interests: int, rng: np.random.Generator) -> Users:
    """One listener per row of the library, interested in its `n_interests` most played tracks.

    `consume_bias` is uniform on (0, 10), `consume_sharpness` log-uniform on
    (0.5, 2); the rest are the defaults of the user model.
    """
    counts = np.minimum(np.diff(library.bounds), n_interests)
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    places = np.arange(bounds[-1]) - np.repeat(bounds[:-1], counts)
    interests = library.tracks[np.repeat(library.bounds[:-1], counts) + places]
    n = len(counts)
    return Users(
        ids=np.arange(n, dtype=np.int64),
        bounds=bounds,
        interests=interests,
        consume_bias=rng.uniform(0.0, 10.0, n),
        consume_sharpness=np.exp(rng.uniform(np.log(0.5), np.log(2.0), n)),
        interest_neighbours=np.full(n, 10),
        session_budget=np.full(n, 5),
        artist_discount_gamma=np.full(n, 0.8),
    )
