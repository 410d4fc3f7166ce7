"""Recommenders that the config describes as chains of steps."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, model_validator

from botify.catalog import Catalog
from botify.config import RecommenderConfig
from botify.lists.reader import EVERYONE
from botify.plays import Play
from botify.recommenders.base import Recommender, Resources
from botify.store.candidates import CandidateStep, from_catalog, from_list, from_tracks
from botify.store.sessions import Decision, Randomness, SessionStore
from contract.chains import Owner, Step, as_entry, needs_plays, parse_steps, with_keys


class ChainConfig(RecommenderConfig):
    """The settings of a recommender that is a chain."""

    @abstractmethod
    def chain(self, owners: Mapping[str, Owner]) -> tuple[Step, ...]:
        """The steps, over lists for these owners. Raises FormatError for a list that is not there
        or does not fit."""

    def check_lists(self, owners: Mapping[str, Owner]) -> None:
        """As in RecommenderConfig."""
        self.chain(owners)


def _as_entries(steps: Iterable[Step]) -> list[dict[str, Any]]:
    return [as_entry(step) for step in steps]


class Chain(Recommender):
    """Answers from the first of its steps that has a track."""

    class Config(ChainConfig):
        """Has the steps."""

        steps: Annotated[tuple[Step, ...], PlainValidator(tuple), PlainSerializer(_as_entries)]

        @model_validator(mode="before")
        @classmethod
        def _parse(cls, values: dict[str, Any]) -> dict[str, Any]:
            if "seen_filter" in values:
                raise ValueError("a chain has no seen_filter: say it in the picks of its steps")
            return {**values, "steps": parse_steps(values.get("steps"))}

        def chain(self, owners: Mapping[str, Owner]) -> tuple[Step, ...]:
            """As in ChainConfig."""
            return with_keys(self.steps, owners)

    def __init__(self, name: str, config: ChainConfig, resources: Resources) -> None:
        """See Recommender."""
        super().__init__(name, config, resources)
        steps = config.chain(resources.owners)
        self.needs_plays = needs_plays(steps)
        self._is_conditional = any(step.is_conditional for step in steps)
        self._steps = [
            (step, _maker(step, step.answers_as or name, self.catalog)) for step in steps
        ]
        self._makers = [make for _, make in self._steps]

    def recommend(
        self, store: SessionStore, user: int, play: Play, random: Randomness, exclude: bytes
    ) -> Decision:
        """The next track, in one round trip. Raises StoreError."""
        candidates = self.candidates(user, play)
        time = play.time if self.needs_plays else None
        return store.next(user, play.track, candidates, random, exclude, time)

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """The steps that are used after such a play."""
        makers, track = self._makers, play.track
        if self._is_conditional:
            makers = [make for step, make in self._steps if step.applies(play.time)]
        return tuple([make(user, track) for make in makers])


def _maker(step: Step, answers_as: str, catalog: Catalog) -> Callable[[int, int], CandidateStep]:
    """Makes the candidate step for a user and the last track."""
    pick, name = step.pick, step.name
    if step.source == "artist":
        return lambda user, track: from_tracks(answers_as, catalog.same_artist(track), pick)
    if step.key == "user":
        return lambda user, track: from_list(answers_as, name, str(user), pick)
    if step.key == "last_track":
        return lambda user, track: from_list(answers_as, name, str(track), pick)
    if step.key == "listened_track":
        same = CandidateStep(answers_as, "listened", name, str(step.plays), pick)
    elif step.key == "everyone":
        same = from_list(answers_as, name, EVERYONE, pick)
    else:
        assert pick in ("unseen", "any"), "parse_steps has checked it"
        same = from_catalog(answers_as, pick)
    return lambda user, track: same
