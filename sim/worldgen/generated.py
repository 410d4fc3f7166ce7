"""A generated world, similar to real listening in the statistics of docs/worlds.md."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.world.model import Catalog, World
from sim.worldgen.names import artist_names, track_titles
from sim.worldgen.users import Library, make_users

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GeneratorOptions:
    """Options of a generated world; docs/worlds.md says how the defaults were fitted.

    Parameters
    ----------
    n_users, n_tracks : int
        Size of the world.
    dimensions : int
        Length of an embedding.
    n_genres : int
        Number of clusters in the space of embeddings.
    artist_spread, track_spread : float
        How far artists lie from their genre and tracks from their artist: norm of
        the noise added to a unit direction.
    tracks_per_artist_tail : float
        An artist's number of tracks is 1 + the floor of a Pareto variable with
        this exponent ...
    max_tracks_per_artist : int
        ... and at most this.
    popularity_sd : float
        Standard deviation of the log of popularity, which is normal over the catalog.
    popularity_between_artists : float
        Share of its variance that lies between artists.
    norm_exponent : float
        The norm of a track is its popularity to this power, as in factors of real
        play counts.
    genres_per_user : int
        Number of genres that a listener likes.
    taste_focus : float
        A listener picks tracks by popularity times exp(focus * cosine).
    library_size : int
        Number of tracks that a listener plays.
    n_interests : int
        Number of those, the most played first, that are the interests.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    n_users: int = 3_000
    n_tracks: int = 10_000
    dimensions: int = 64
    n_genres: int = 18
    artist_spread: float = 0.9
    track_spread: float = 0.55
    tracks_per_artist_tail: float = 1.1
    max_tracks_per_artist: int = 80
    popularity_sd: float = 1.9
    popularity_between_artists: float = 0.6
    norm_exponent: float = 0.3
    genres_per_user: int = 2
    taste_focus: float = 8.0
    library_size: int = 50
    n_interests: int = 3

    def __post_init__(self) -> None:
        for name in ("n_users", "n_tracks", "dimensions", "n_genres", "n_interests"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: it must be 1 or more")
        if self.n_tracks < self.library_size:
            raise InputError(
                f"n_tracks is {self.n_tracks}: a library of {self.library_size} tracks a "
                f"user needs at least as many"
            )


def generate(options: GeneratorOptions, seed: int) -> tuple[World, Library]:
    """Generate a world.

    Parameters
    ----------
    options : GeneratorOptions
    seed : int
        0 or more; the same options and seed give the same world.

    Returns
    -------
    world : World
        The scale of its embeddings is arbitrary until `calibrate` sets it.
    library : Library
        The tracks that each user plays, from which the interests were taken.

    Examples
    --------
    >>> from sim import GeneratorOptions, generate
    >>> world, library = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> len(world.users), len(library.tracks)
    (20, 1000)
    """
    catalog_rng, space_rng, name_rng, user_rng = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)
    )
    artist_of = _artists_of_tracks(options, catalog_rng)
    n_artists = int(artist_of[-1]) + 1
    genres, genre_of, embeddings, popularity = _taste_space(
        options, artist_of, n_artists, space_rng
    )
    # Ids carry no meaning: the tracks of an artist are not neighbours.
    order = catalog_rng.permutation(options.n_tracks)
    artist_of, embeddings, popularity = artist_of[order], embeddings[order], popularity[order]
    catalog = Catalog(
        track_titles(artist_of, name_rng), artist_names(n_artists, name_rng), artist_of
    )
    library = _libraries(options, genres, genre_of, embeddings, popularity, user_rng)
    users = make_users(library, options.n_interests, user_rng)
    return World(catalog, embeddings.astype(np.float32), users), library


def _artists_of_tracks(options: GeneratorOptions, rng: np.random.Generator) -> NDArray[np.int32]:
    """Artist of each track, tracks of an artist in a row; shape (n_tracks,)."""
    tail = rng.pareto(options.tracks_per_artist_tail, size=options.n_tracks)
    sizes = np.minimum(1 + np.floor(tail), options.max_tracks_per_artist).astype(np.int64)
    n_artists = int(np.searchsorted(np.cumsum(sizes), options.n_tracks)) + 1
    artists = np.repeat(np.arange(n_artists, dtype=np.int32), sizes[:n_artists])
    return artists[: options.n_tracks]


def _taste_space(
    options: GeneratorOptions,
    artist_of: NDArray[np.int32],
    n_artists: int,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.int64], Array, Array]:
    """Genre directions, genre of each track, embeddings and popularity of each track."""
    from scipy.special import ndtri  # takes as long to import as numpy

    genres = _unit(rng.normal(size=(options.n_genres, options.dimensions)))
    share = rng.dirichlet(np.full(options.n_genres, 2.0))
    genre_of_artist = rng.choice(options.n_genres, size=n_artists, p=share)
    artists = _scatter(genres[genre_of_artist], options.artist_spread, rng)
    tracks = _scatter(artists[artist_of], options.track_spread, rng)
    between = options.popularity_between_artists
    appeal = np.sqrt(between) * rng.normal(size=n_artists)[artist_of] + np.sqrt(
        1.0 - between
    ) * rng.normal(size=len(artist_of))
    # Ranks mapped to quantiles of the normal: the popularity of the most popular
    # track must not depend on one draw.
    rank = np.argsort(np.argsort(appeal, kind="stable"), kind="stable")
    log_popularity = options.popularity_sd * ndtri((rank + 0.5) / len(rank))
    norms = np.exp(options.norm_exponent * log_popularity)
    return genres, genre_of_artist[artist_of], tracks * norms[:, None], np.exp(log_popularity)


def _scatter(centres: Array, spread: float, rng: np.random.Generator) -> Array:
    """Unit directions around unit centres: noise of norm `spread` on average."""
    noise = rng.normal(0.0, spread / np.sqrt(centres.shape[1]), size=centres.shape)
    return _unit(centres + noise)


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _libraries(
    options: GeneratorOptions,
    genres: Array,
    genre_of: NDArray[np.int64],
    embeddings: Array,
    popularity: Array,
    rng: np.random.Generator,
) -> Library:
    """The tracks that each user plays, the most played first; `library_size` each.

    Draws without replacement in proportion to popularity * exp(focus * cosine),
    by Gumbel keys (Efraimidis and Spirakis, 2006).
    """
    directions = _unit(embeddings).astype(np.float32)
    log_popularity = np.log(popularity).astype(np.float32)
    # Genres with popular music have more listeners.
    weight = 1e-9 + np.bincount(genre_of, weights=popularity, minlength=options.n_genres)
    liked = np.empty((options.n_users, options.library_size), dtype=np.int64)
    block = max(1, 2**24 // options.n_tracks)
    for start in range(0, options.n_users, block):
        n = min(block, options.n_users - start)
        keys = np.log(weight) + rng.gumbel(size=(n, options.n_genres))
        chosen = np.argsort(-keys, axis=1)[:, : options.genres_per_user]
        parts = rng.dirichlet(np.ones(chosen.shape[1]), size=n)
        tastes = _unit(np.einsum("ug,ugd->ud", parts, genres[chosen])).astype(np.float32)
        score = options.taste_focus * (tastes @ directions.T) + log_popularity
        score += rng.gumbel(size=score.shape).astype(np.float32)
        top = np.argpartition(-score, options.library_size - 1, axis=1)[:, : options.library_size]
        order = np.argsort(-np.take_along_axis(score, top, axis=1), axis=1, kind="stable")
        liked[start : start + n] = np.take_along_axis(top, order, axis=1)
    bounds = np.arange(options.n_users + 1) * options.library_size
    return Library(bounds, liked.ravel())
