"""Which item-to-item lists make CONTEXTUAL best.

`python -m bench.lists.neighbours --data out/demo`.

The baseline that DAE is judged against must be as good as its rules allow. Every
method sees the collected log alone; CONTEXTUAL then plays the same listeners
in process with the 100 nearest tracks of each.
"""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from offline.data.catalog import catalog_size
from offline.data.interactions import Interactions, Plays
from offline.lists.neighbours import cosine_neighbours
from sim.agents.chain import MAX_CANDIDATES
from sim.agents.policies import Policy
from sim.config import load_config
from sim.engine.play import play
from sim.rng import Streams
from sim.world.files import open_world

Matrix = sparse.csr_matrix
Lists = NDArray[np.int64]
Floats = NDArray[np.floating]


@click.command()
@click.option("--data", type=Path, default=Path("out/demo"), show_default=True)
@click.option("--episodes", default=20_000, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(data: Path, episodes: int, seed: int) -> None:
    """Mean session time of CONTEXTUAL for each way to make its neighbours."""
    world = open_world(load_config(data / "world/env.yml"))
    liked = Interactions.load(data / "interactions").matrix(
        catalog_size(data / "world/tracks.json")
    )
    sessions = liked_in_sessions(Plays.load(data / "interactions"), liked.shape[1])
    methods: dict[str, Callable[[], Lists]] = {
        "as exported": lambda: cosine_neighbours(liked, MAX_CANDIDATES),
        "cosine, users": lambda: cosine_neighbours(liked, MAX_CANDIDATES, 1),
        "cosine, sessions": lambda: cosine_neighbours(sessions, MAX_CANDIDATES, 1),
        "cosine, users, 2 or more in common": lambda: from_scores(liked, supported(liked, 2)),
        "as exported, but 5 in common are enough": lambda: cosine_neighbours(
            liked, MAX_CANDIDATES, 5
        ),
        "as exported, but 40 are needed": lambda: cosine_neighbours(liked, MAX_CANDIDATES, 40),
        "cosine, users, damped by 10": lambda: from_scores(liked, damped(liked, 10.0)),
        "conditional probability": lambda: from_scores(liked, conditional(liked)),
        "ALS factors, 32": lambda: from_scores(liked, als(liked, 32)),
        "ALS factors, 64": lambda: from_scores(liked, als(liked, 64)),
        "EASE weights": lambda: from_scores(liked, ease(liked, 20.0)),
        "as exported, only the 20 nearest": lambda: cosine_neighbours(liked, 20),
    }
    click.echo(f"{'neighbours':<44}mean session time")
    for name, method in methods.items():
        agent = Policy("contextual", Streams(seed), method().astype(np.int32))
        summary = play(world, agent, seed=seed, episodes=range(episodes))
        click.echo(
            f"{name:<44}{summary.mean_session_time:.3f} ± {1.96 * summary.reward_error:.3f}"
        )


def liked_in_sessions(plays: Plays, n_tracks: int) -> Matrix:
    """Binary session × track: 1 if a share above 0.8 was heard."""
    keep = plays.time > 0.8
    new = np.flatnonzero(plays.position == 0)
    session = np.searchsorted(new, np.arange(len(plays.user)), side="right") - 1
    shape = (len(new), n_tracks)
    ones = np.ones(int(keep.sum()), dtype=np.float32)
    return sparse.csr_matrix((ones, (session[keep], plays.track[keep])), shape=shape)


def together(liked: Matrix) -> tuple[Floats, Floats]:
    """Dense co-counts of the liked tracks, and each one's own count."""
    known = liked[:, np.flatnonzero(np.diff(liked.tocsc().indptr))]
    counts = np.asarray((known.T @ known).todense(), dtype=np.float64)
    return counts, np.diag(counts).copy()


def supported(liked: Matrix, least: int) -> Floats:
    counts, own = together(liked)
    return np.where(counts >= least, counts, 0.0) / np.sqrt(np.outer(own, own))


def damped(liked: Matrix, by: float) -> Floats:
    counts, own = together(liked)
    return counts / np.sqrt(np.outer(own + by, own + by))


def conditional(liked: Matrix) -> Floats:
    counts, own = together(liked)
    return counts / own[:, None]


def als(liked: Matrix, factors: int) -> Floats:
    known = liked[:, np.flatnonzero(np.diff(liked.tocsc().indptr))]
    model = AlternatingLeastSquares(
        factors=factors, regularization=0.1, alpha=5.0, random_state=1, num_threads=1
    )
    with threadpool_limits(limits=1, user_api="blas"):
        model.fit(known.tocsr(), show_progress=False)
    vectors: NDArray[np.float32] = model.item_factors
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Floats = 2.0 + unit @ unit.T
    return found  # all above 0: every track is a candidate


def ease(liked: Matrix, l2: float) -> Floats:
    """Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW 2019)."""
    counts, _ = together(liked)
    inverse = np.linalg.inv(counts + l2 * np.eye(len(counts)))
    return np.exp(-inverse / np.diag(inverse))


def from_scores(liked: Matrix, scores: Floats) -> Lists:
    """The 100 best of each row, positive scores only, as lists over the whole catalog."""
    known = np.flatnonzero(np.diff(liked.tocsc().indptr))
    np.fill_diagonal(scores, 0.0)
    out = np.full((liked.shape[1], MAX_CANDIDATES), -1, dtype=np.int64)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :MAX_CANDIDATES]
    good = np.take_along_axis(scores, best, axis=1) > 0
    out[known, : best.shape[1]] = np.where(good, known[best], -1)
    return out


if __name__ == "__main__":
    main()
