"""What a world is, and the checks that every world passes wherever it came from."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.world.nearest import nearest

# Inner products of larger rows could leave the range of float32.
_LARGEST_NORM = 1e15


@dataclass(frozen=True)
class Catalog:
    """Tracks 0 to n-1: `titles[t]`, and `artist_of[t]`, an index into `artists`."""

    titles: list[str] = field(repr=False)
    artists: list[str] = field(repr=False)
    artist_of: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.titles)

    def artist(self, track: int) -> str:
        return self.artists[int(self.artist_of[track])]

    @cached_property
    def by_artist(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """CSR lists of each artist's tracks: (bounds of shape (n_artists + 1,), tracks)."""
        return group_by(self.artist_of, len(self.artists))


def group_by(keys: NDArray[np.int32], n_keys: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions grouped by key as CSR: group k is positions[bounds[k]:bounds[k + 1]]."""
    bounds = np.zeros(n_keys + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys, minlength=n_keys), out=bounds[1:])
    return bounds, np.argsort(keys, kind="stable")


@dataclass(frozen=True)
class Users:
    """The listeners, one row each.

    `interests[bounds[u]:bounds[u + 1]]` are the tracks user row u is fond of;
    the other arrays have shape (n_users,) and are named as in `users.json`.
    """

    ids: NDArray[np.int64]
    bounds: NDArray[np.int64]
    interests: NDArray[np.int64]
    consume_bias: NDArray[np.float64]
    consume_sharpness: NDArray[np.float64]
    interest_neighbours: NDArray[np.int64]
    session_budget: NDArray[np.int64]
    artist_discount_gamma: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, rows: NDArray[np.int64]) -> "Users":
        """Some of the users, in the order of `rows`."""
        counts = np.diff(self.bounds)[rows]
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        places = np.arange(bounds[-1]) - np.repeat(bounds[:-1], counts)
        return Users(
            self.ids[rows],
            bounds,
            self.interests[np.repeat(self.bounds[rows], counts) + places],
            self.consume_bias[rows],
            self.consume_sharpness[rows],
            self.interest_neighbours[rows],
            self.session_budget[rows],
            self.artist_discount_gamma[rows],
        )


@dataclass(frozen=True)
class World:
    """A catalog, `embeddings` of shape (n_tracks, d), float32, and users. Raises InputError.

    `hype`, of shape (n_tracks,), is what fashion adds to everybody's affinity
    with a track; without it, nothing.
    """

    catalog: Catalog
    embeddings: NDArray[np.float32]
    users: Users
    hype: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        n_tracks = len(self.catalog)
        if not len(self.hype):
            object.__setattr__(self, "hype", np.zeros(n_tracks))
        if self.embeddings.ndim != 2 or len(self.embeddings) != n_tracks:
            raise InputError(
                f"the embeddings have shape {self.embeddings.shape}, but the catalog has "
                f"{n_tracks} tracks: one row per track is needed"
            )
        if not np.isfinite(self.embeddings).all():
            row = int(np.flatnonzero(~np.isfinite(self.embeddings).all(axis=1))[0])
            raise InputError(f"the embedding of track {row} is not finite: mend or remove it")
        if not self.embeddings.shape[1]:
            raise InputError("the embeddings have no dimensions: one or more are needed")
        norms = np.linalg.norm(self.embeddings.astype(np.float64), axis=1)
        if (norms > _LARGEST_NORM).any():
            row = int(norms.argmax())
            raise InputError(
                f"the embedding of track {row} has a norm of {norms[row]:.3g}, but inner products "
                f"must be numbers that can be compared: scale it to {_LARGEST_NORM:g} or less"
            )
        if not len(self.users):
            raise InputError("the world has no users: at least one is needed")
        if (np.diff(self.users.bounds) == 0).any():
            user = self.users.ids[np.flatnonzero(np.diff(self.users.bounds) == 0)[0]]
            raise InputError(f"user {user} has no interests: at least one track is needed")
        strange = (self.users.interests < 0) | (self.users.interests >= n_tracks)
        if strange.any():
            at = int(np.flatnonzero(strange)[0])
            user = self.users.ids[np.searchsorted(self.users.bounds, at, side="right") - 1]
            raise InputError(
                f"user {user} has interest {self.users.interests[at]}, which is no track: "
                f"tracks are 0 to {n_tracks - 1}"
            )

    @cached_property
    def tastes(self) -> NDArray[np.int64]:
        """The distinct tracks that are somebody's interest, sorted."""
        return np.unique(self.users.interests)

    @cached_property
    def taste_rows(self) -> NDArray[np.int64]:
        """Place of each track in `tastes`, -1 where it is nobody's interest; (n_tracks,)."""
        rows = np.full(len(self.catalog), -1, dtype=np.int64)
        rows[self.tastes] = np.arange(len(self.tastes))
        return rows

    @cached_property
    def first_tracks(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each of `tastes`, its nearest tracks by inner product, best first.

        Returns (bounds, tracks) as CSR; ties go to the smaller track id. A
        taste has as many as the most demanding of its users asks for.
        """
        users = self.users
        owners = np.repeat(users.interest_neighbours, np.diff(users.bounds))
        wanted = np.zeros(len(self.tastes), dtype=np.int64)
        np.maximum.at(wanted, self.taste_rows[users.interests], owners)
        wanted = np.minimum(wanted, len(self.catalog))
        lists = nearest(self.embeddings, self.tastes, int(wanted.max()))
        bounds = np.concatenate([[0], np.cumsum(wanted)]).astype(np.int64)
        keep = np.arange(lists.shape[1]) < wanted[:, None]
        return bounds, lists[keep]

    def prepared(self) -> "World":
        """This world, with what every session needs worked out, so that a copy has it too."""
        _ = self.first_tracks  # not an assert: with -O there would be nothing
        return self

    def with_hype(self, hype: NDArray[np.float64]) -> "World":
        """The same world on a day of other fashions; what was worked out stays."""
        other = replace(self, hype=hype)
        for name in ("tastes", "taste_rows", "first_tracks"):
            other.__dict__[name] = getattr(self, name)
        return other
