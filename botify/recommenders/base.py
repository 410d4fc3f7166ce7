"""The interface of all recommenders."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import index
from typing import ClassVar, Self

from botify.catalog import Catalog, pack
from botify.config import TOP_TRACKS, RecommenderConfig
from botify.errors import InputError
from botify.lists.reader import EVERYONE
from botify.plays import Play
from botify.recommenders.turn import Choice, Turn
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


class Recommender:
    """Chooses the next track; a subclass overrides `candidates`, `choose`, or both.

    `candidates` names steps for the store, which takes the first that has a track: one round trip.
    `choose` sees the session's plays and decides in Python: one round trip as well. A subclass
    that is offered as an entry point of the group `botify.recommenders` is a type of recommender.
    One object answers requests of several threads, so it keeps no state of a session.
    """

    Config: ClassVar[type[RecommenderConfig]] = RecommenderConfig
    """The settings of the type; a subclass with some of its own has a nested class `Config`."""
    needs_plays: bool = False
    """Whether sessions must record their plays: true where `choose` is overridden."""

    def __init_subclass__(cls) -> None:
        """Derive what follows from the methods."""
        super().__init_subclass__()
        cls.needs_plays = cls.choose is not Recommender.choose

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
    def describe(cls, kind: str) -> str:
        """What the type of this name does, in a sentence; by default, what its docstring says."""
        return inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0]  # not an inherited one

    @classmethod
    def from_config(cls, name: str, config: RecommenderConfig, resources: Resources) -> Self:
        """The recommender of an entry of the config; `config` is of the class `Config`."""
        return cls(name, config, resources)

    def recommend(
        self, store: SessionStore, user: int, play: Play, random: Randomness, exclude: bytes
    ) -> Decision:
        """The next track, by `choose` or `candidates`. Raises StoreError.

        `exclude`: packed tracks not to offer. Raises ValueError or TypeError if `choose` returns
        what it must not.
        """
        if not self.needs_plays:
            return store.next(user, play.track, self.candidates(user, play), random, exclude)
        snapshot = store.open_session(user, play.track, play.time, random)
        n_tracks, filters = len(self.catalog), self.config.seen_filter
        turn = Turn(user, play, snapshot, exclude, n_tracks, filters)
        answer = self.choose(turn)
        if isinstance(answer, Choice):
            decision = self._decision(answer, turn)
        else:
            steps = self.candidates(user, play) if answer is None else answer
            decision = store.next(user, play.track, steps, turn.randomness_left, exclude)
            if turn.drew:  # which steps they are was drawn too
                decision = replace(decision, propensity=None)
        store.mark_offered(user, snapshot.session, decision.track)
        return decision

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """Steps to try in order, after `play`; the last always answers.

        Cheap and free of side effects: it runs once per request.
        """
        return (RANDOM_STEP,)

    def choose(self, turn: Turn) -> Choice | Sequence[CandidateStep] | None:
        """The next track, or steps that choose it; None leaves it to `candidates`."""
        return None

    def _decision(self, choice: Choice, turn: Turn) -> Decision:
        # As plain numbers, which the log can write: a plug-in may well compute with numpy.
        track, propensity = index(choice.track), float(choice.propensity)
        rank, version = choice.rank, choice.model_version
        if not 0 <= track < turn.n_tracks:
            raise ValueError(f"chose track {track}, which is not in the catalog")
        if not 0 < propensity <= 1:
            raise ValueError(f"chose with propensity {propensity}, which is none")
        if rank is not None and (rank := index(rank)) < 0:
            raise ValueError(f"chose from rank {rank}: ranks begin with 0")
        if not isinstance(version, str | None):
            raise TypeError(f"model_version is {version!r}, which is no text")
        if turn.packed_exclude and track in turn.excluded:
            raise ValueError(f"chose track {track}, which is excluded")
        return Decision(
            session=turn.snapshot.session,
            timestamp=turn.snapshot.timestamp,
            track=track,
            recommender=self.name,
            rank=rank,
            propensity=propensity,
            model_version=version,
        )


def _packed(place: str, excluded: tuple[int, ...], n_tracks: int) -> bytes:
    tracks = sorted(set(excluded))
    for track in tracks:
        if not 0 <= track < n_tracks:
            raise InputError(f"{place}: track {track} is not in the catalog (0 to {n_tracks - 1})")
    if len(tracks) == n_tracks:
        raise InputError(f"{place}: all {n_tracks} tracks of the catalog; leave some to offer")
    return pack(tracks)
