"""What a world is, and the checks that every world passes, whatever its source."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.world.kept_lists import WORTH, kept
from sim.world.nearest import nearest

# Inner products of larger rows could leave the range of float32.
_MAX_NORM = 1e15


@dataclass(frozen=True)
class Catalog:
    """The tracks, 0 to n_tracks - 1.

    Parameters
    ----------
    titles : list of str
        Title of each track.
    artists : list of str
        Names of the artists.
    artist_of : int32 array, shape (n_tracks,)
        Index of each track's artist in `artists`.

    Examples
    --------
    >>> import numpy as np
    >>> from sim import Catalog
    >>> catalog = Catalog(["Hello", "Bye"], ["Ann"], np.zeros(2, dtype=np.int32))
    >>> len(catalog), catalog.artist(1)
    (2, 'Ann')
    """

    titles: list[str] = field(repr=False)
    artists: list[str] = field(repr=False)
    artist_of: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.titles)

    def artist(self, track: int) -> str:
        """Name of the track's artist."""
        return self.artists[int(self.artist_of[track])]

    def artist_tracks(self, track: int) -> list[int]:
        """All tracks of this track's artist, itself included."""
        bounds, tracks = self.by_artist
        artist = int(self.artist_of[track])
        found: list[int] = tracks[bounds[artist] : bounds[artist + 1]].tolist()
        return found

    @cached_property
    def by_artist(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The tracks of each artist as CSR: (bounds of shape (n_artists + 1,), tracks)."""
        return group_by(self.artist_of, len(self.artists))


def group_by(keys: NDArray[np.int32], n_keys: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions grouped by key as CSR: group k is positions[bounds[k]:bounds[k + 1]]."""
    bounds = np.zeros(n_keys + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys, minlength=n_keys), out=bounds[1:])
    return bounds, np.argsort(keys, kind="stable")


@dataclass(frozen=True)
class Users:
    """The listeners, one row each; traits are named as in users.json.

    Parameters
    ----------
    ids : int64 array, shape (n_users,)
        Ids, as in the service and its log.
    bounds : int64 array, shape (n_users + 1,)
        interests[bounds[u]:bounds[u + 1]] are the interests of row u.
    interests : int64 array
        Tracks that the listeners like; each session takes one as its taste.
    consume_bias : float64 array, shape (n_users,)
        Affinity at which half of a track is heard.
    consume_sharpness : float64 array, shape (n_users,)
        How steeply the share heard rises with affinity; more than 0.
    interest_neighbours : int64 array, shape (n_users,)
        The first track is one of so many nearest to the taste; 1 or more.
    session_budget : int64 array, shape (n_users,)
        Number of cut-short tracks after which a session ends; 1 or more.
    artist_discount_gamma : float64 array, shape (n_users,)
        Factor on the share heard for each earlier play of the artist; 0 to 1.
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
        """The users of these rows, in this order."""
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
    """Everything that decides how listeners respond.

    Parameters
    ----------
    catalog : Catalog
    embeddings : float32 array, shape (n_tracks, d)
        A listener's affinity with a track is the inner product of its row with
        the row of the session's taste.
    users : Users
    hype : float64 array, shape (n_tracks,), optional
        Added to everybody's affinity with each track; 0 by default.
    kept_at : Path, optional
        File for what takes seconds to compute in a large world; by default, nothing is kept.

    Raises
    ------
    InputError
        If the parts do not fit together, or numbers are out of range.

    Examples
    --------
    >>> from sim import GeneratorOptions, generate
    >>> world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> len(world.users), len(world.catalog), world.embeddings.shape
    (20, 100, (100, 64))
    """

    catalog: Catalog
    embeddings: NDArray[np.float32]
    users: Users
    hype: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    kept_at: Path | None = None
    """File beside the world for what takes seconds to compute; None: nothing is kept."""

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
        if (norms > _MAX_NORM).any():
            row = int(norms.argmax())
            raise InputError(
                f"the embedding of track {row} has a norm of {norms[row]:.3g}, but inner products "
                f"must be numbers that can be compared: scale it to {_MAX_NORM:g} or less"
            )
        if not len(self.users):
            raise InputError("the world has no users: at least one is needed")
        if (np.diff(self.users.bounds) == 0).any():
            user = self.users.ids[np.flatnonzero(np.diff(self.users.bounds) == 0)[0]]
            raise InputError(f"user {user} has no interests: at least one track is needed")
        unknown = (self.users.interests < 0) | (self.users.interests >= n_tracks)
        if unknown.any():
            at = int(np.flatnonzero(unknown)[0])
            user = self.users.ids[np.searchsorted(self.users.bounds, at, side="right") - 1]
            raise InputError(
                f"user {user} has interest {self.users.interests[at]}, which is no track: "
                f"tracks are 0 to {n_tracks - 1}"
            )

    @cached_property
    def tastes(self) -> NDArray[np.int64]:
        """The distinct tracks among all interests, sorted."""
        return np.unique(self.users.interests)

    @cached_property
    def taste_rows(self) -> NDArray[np.int64]:
        """Place of each track in `tastes`, shape (n_tracks,); -1 for those that are not there."""
        rows = np.full(len(self.catalog), -1, dtype=np.int64)
        rows[self.tastes] = np.arange(len(self.tastes))
        return rows

    @cached_property
    def first_tracks(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each of `tastes`, its nearest tracks by inner product, best first.

        Returns (bounds, tracks) as CSR; ties go to the smaller track id. A
        taste has as many as the largest `interest_neighbours` among its users.
        """
        users = self.users
        owners = np.repeat(users.interest_neighbours, np.diff(users.bounds))
        wanted = np.zeros(len(self.tastes), dtype=np.int64)
        np.maximum.at(wanted, self.taste_rows[users.interests], owners)
        wanted = np.minimum(wanted, len(self.catalog))
        k = int(wanted.max())
        worth = len(self.tastes) * len(self.embeddings) >= WORTH
        lists = kept(
            self.kept_at if worth else None,
            (self.embeddings, self.tastes, np.asarray(k)),
            lambda: nearest(self.embeddings, self.tastes, k),
        )
        bounds = np.concatenate([[0], np.cumsum(wanted)]).astype(np.int64)
        keep = np.arange(lists.shape[1]) < wanted[:, None]
        return bounds, lists[keep]

    def prepared(self) -> "World":
        """This world with its cached properties computed, so that copies have them too."""
        _ = self.first_tracks  # not an assert, which -O would remove
        return self

    def with_hype(self, hype: NDArray[np.float64]) -> "World":
        """The same world with another `hype`; computed properties are kept."""
        other = replace(self, hype=hype)
        for name in ("tastes", "taste_rows", "first_tracks"):
            other.__dict__[name] = getattr(self, name)
        return other
