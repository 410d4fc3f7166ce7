"""The interface of all recommenders."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from botify.catalog import Catalog, pack
from botify.config import TOP_TRACKS, RecommenderConfig
from botify.errors import InputError
from botify.lists.reader import EVERYONE
from botify.plays import Play
from botify.session_model.live import LiveModel
from botify.store.candidates import CandidateStep, from_catalog, from_list
from botify.store.sessions import Decision, Randomness, SessionStore
from contract.chains import Owner, Pick

RANDOM_STEP = from_catalog("random")
"""The last fallback: uniform over the unseen catalog."""

POPULAR_STEP = from_list("top_pop", TOP_TRACKS, EVERYONE, "first")
"""The fallback of lists in order: the most popular tracks, in order."""


@dataclass(frozen=True)
class Resources:
    """What a service has for its recommenders."""

    catalog: Catalog
    models: Mapping[str, LiveModel]
    """Those that the config names."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    """What each list of the config has a list for."""


class Recommender(ABC):
    """Names the candidate steps for the next track; the store takes the first that has one.

    A subclass in a file of its own, offered as an entry point of the group `botify.recommenders`,
    is a type of recommender.
    """

    Config: ClassVar[type[RecommenderConfig]] = RecommenderConfig
    """The settings of the type; a subclass with some of its own has a nested class `Config`."""
    needs_plays: bool = False
    """Whether it needs the plays of the session, in order."""

    def __init__(self, name: str, config: RecommenderConfig, resources: Resources) -> None:
        """`name` is in the log when this recommender itself answers.

        Raises InputError if the settings cannot be right with these resources.
        """
        self.name = name
        self.config = config
        self.catalog = resources.catalog
        self.exclude = _packed(f"recommenders.{name}.exclude", config.exclude, len(self.catalog))
        """Packed tracks that no step may offer."""
        self._ranked: Pick = "first" if config.seen_filter else "best"
        self._sampled: Pick = "unseen" if config.seen_filter else "any"

    @classmethod
    def from_config(cls, name: str, config: RecommenderConfig, resources: Resources) -> Self:
        """The recommender of an entry of the config; `config` is of the class `Config`."""
        return cls(name, config, resources)

    def recommend(
        self, store: SessionStore, user: int, play: Play, random: Randomness, exclude: bytes
    ) -> Decision:
        """The next track, in one round trip to the store. Raises StoreError.

        `exclude`: packed tracks not to offer. By `candidates`, unless overridden.
        """
        candidates = self.candidates(user, play)
        time = play.time if self.needs_plays else None
        return store.next(user, play.track, candidates, random, exclude, time)

    @abstractmethod
    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """Steps to try in order, after `play`; the last always answers.

        Cheap and free of side effects: it runs once per request.
        """


def _packed(place: str, excluded: tuple[int, ...], n_tracks: int) -> bytes:
    tracks = sorted(set(excluded))
    for track in tracks:
        if not 0 <= track < n_tracks:
            raise InputError(f"{place}: track {track} is not in the catalog (0 to {n_tracks - 1})")
    if len(tracks) == n_tracks:
        raise InputError(f"{place}: all {n_tracks} tracks of the catalog; leave some to offer")
    return pack(tracks)
