"""Recommenders by the config."""

from collections.abc import Mapping
from typing import Never

from botify.catalog import Catalog, pack
from botify.config import Config
from botify.config import recommender_types as types
from botify.errors import InputError
from botify.recommenders.base import Recommender
from botify.recommenders.contextual import Contextual
from botify.recommenders.indexed import Indexed
from botify.recommenders.random import Random
from botify.recommenders.similar import Similar
from botify.recommenders.sticky_artist import StickyArtist
from botify.recommenders.top_pop import TopPop
from botify.session_model.live import LiveModel


def build_recommenders(
    config: Config, catalog: Catalog, models: Mapping[str, LiveModel]
) -> dict[str, Recommender]:
    """One recommender per entry of the config, by name.

    `models`: those that the config names. Raises InputError if a recommender excludes a track
    that does not exist, or all that do.
    """
    entries = config.recommenders.items()
    return {name: _build(name, entry, catalog, models) for name, entry in entries}


def _build(
    name: str, entry: types.RecommenderConfig, catalog: Catalog, models: Mapping[str, LiveModel]
) -> Recommender:
    exclude = _packed(f"recommenders.{name}.exclude", entry.exclude, len(catalog))
    unseen = entry.seen_filter
    match entry:
        case types.RandomConfig():
            return Random(name, seen_filter=unseen, exclude=exclude)
        case types.TopPopConfig():
            return TopPop(name, seen_filter=unseen, exclude=exclude)
        case types.StickyArtistConfig():
            return StickyArtist(name, catalog, seen_filter=unseen, exclude=exclude)
        case types.ContextualConfig():
            return Contextual(name, entry.neighbours, seen_filter=unseen, exclude=exclude)
        case types.SimilarConfig():
            return Similar(name, entry.neighbours, seen_filter=unseen, exclude=exclude)
        case types.IndexedConfig():
            return Indexed(name, entry.list, seen_filter=unseen, exclude=exclude)
        case types.SessionConfig():
            # Here: only services with such a model need numpy.
            from botify.recommenders.session import Session
            from botify.session_model.scoring import Exploration

            asked = entry.explore
            explore = None if asked is None else Exploration(asked.share, asked.temperature)
            return Session(
                name,
                models[entry.model],
                entry.list,
                len(catalog),
                explore,
                seen_filter=unseen,
                exclude=exclude,
            )
        case _:
            _unregistered(name, entry)


def _unregistered(name: str, entry: Never) -> Never:
    """mypy reports a type without a case; this does if mypy was not run."""
    raise NotImplementedError(
        f"recommenders.{name}: no class is registered for {type(entry).__name__}; "
        "add a case to botify/recommenders/registry.py"
    )


def _packed(place: str, excluded: tuple[int, ...], n_tracks: int) -> bytes:
    tracks = sorted(set(excluded))
    for track in tracks:
        if not 0 <= track < n_tracks:
            raise InputError(f"{place}: track {track} is not in the catalog (0 to {n_tracks - 1})")
    if len(tracks) == n_tracks:
        raise InputError(f"{place}: all {n_tracks} tracks of the catalog; leave some to offer")
    return pack(tracks)
