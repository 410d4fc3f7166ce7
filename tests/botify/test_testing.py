"""check_recommender: what keeps its promises passes, and each broken promise is named."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from botify.plays import Play
from botify.recommenders import (
    RANDOM_STEP,
    CandidateStep,
    Choice,
    NeighboursName,
    Recommender,
    RecommenderConfig,
    Turn,
    from_catalog,
    from_list,
)
from botify.testing import CheckError, check_recommender

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("type_", "settings"),
    [
        ("random", {}),
        ("top_pop", {"seen_filter": False}),
        ("sticky_artist", {"exclude": [7]}),
        ("contextual", {"neighbours": "near"}),
        ("indexed", {"list": "mine"}),
    ],
)
def test_built_in_types_pass(type_: str, settings: dict[str, Any]) -> None:
    check_recommender(type_, settings, sessions=4, draws=300)


class Hearing(Recommender):
    """A neighbour of a play of the session that is drawn by its time."""

    class Config(RecommenderConfig):
        """Names the neighbours."""

        neighbours: NeighboursName

    config: Config

    def choose(self, turn: Turn) -> Choice | Sequence[CandidateStep] | None:
        """Steps that follow from a draw."""
        tracks = [track for track, _ in turn.plays]
        [drawn] = turn.rng.choices(tracks, [time + 0.01 for _, time in turn.plays])
        return from_list(self.name, self.config.neighbours, str(drawn), "unseen"), RANDOM_STEP


def test_a_type_that_draws_its_steps_passes() -> None:
    check_recommender(Hearing, {"neighbours": "near"}, sessions=4, draws=300)


class Repeats(Recommender):
    """The last track again."""

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """With another pick than the seen filter says."""
        return (from_catalog(self.name, "any"),)


class Endless(Recommender):
    """Names a list that does not exist, and nothing after it."""

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """One step."""
        return (from_list(self.name, "absent", str(user), "unseen"),)


class Excluded(Recommender):
    def choose(self, turn: Turn) -> Choice:
        return Choice(next(iter(turn.excluded)))


class NoTrack(Recommender):
    def choose(self, turn: Turn) -> Choice:
        return Choice(turn.n_tracks)


class Fails(Recommender):
    def choose(self, turn: Turn) -> Choice:
        raise LookupError("nothing here")


class OwnDice(Recommender):
    def choose(self, turn: Turn) -> Choice | None:
        return turn.first(random.sample(range(turn.n_tracks), turn.n_tracks))


class OwnGenerator(Recommender):
    generator = random.Random(5)

    def choose(self, turn: Turn) -> Choice | None:
        return turn.first([self.generator.randrange(turn.n_tracks)])


class Overconfident(Recommender):
    """Draws one of two and says it was certain."""

    def choose(self, turn: Turn) -> Choice | None:
        choice = turn.draw(range(30, 60))
        return choice and choice._replace(propensity=1.0)


class Understated(Recommender):
    """Certain, and says that it was one of two."""

    def choose(self, turn: Turn) -> Choice | None:
        choice = turn.first(range(30, 60))
        return choice and choice._replace(propensity=0.5)


class Skewed(Recommender):
    """Says that all are equally likely, and they are not."""

    def choose(self, turn: Turn) -> Choice | None:
        choice = turn.draw([30, 31], [3.0, 1.0])
        return choice and choice._replace(propensity=0.5)


class Meddler(Recommender):
    def choose(self, turn: Turn) -> Choice | None:
        self.catalog._artist_numbers[turn.track] = 0
        return None


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Repeats, "which the session has seen, again"),
        (Endless, "it failed after .*the last candidate step must be from_catalog"),
        (Excluded, "which is excluded"),
        (NoTrack, "chose track 60, which is not in the catalog"),
        (Fails, "it failed after .* of user 10*: LookupError"),
        (OwnDice, "it changed the state of the module random: draw from turn.rng"),
        (OwnGenerator, "with one seed, the same requests of user 10* got"),
        (Overconfident, "propensity is 1, which is"),
        (Understated, "propensity is 0.5, which is"),
        (Skewed, "propensity is 0.5, which is"),
        (Meddler, "it changed the catalog"),
    ],
)
def test_a_broken_promise_is_named(kind: type[Recommender], promise: str) -> None:
    with pytest.raises(CheckError, match=promise):
        check_recommender(kind, sessions=2, draws=300)


def test_settings_that_are_refused_are_told() -> None:
    with pytest.raises(CheckError, match="its settings are refused"):
        check_recommender("random", {"k": 5})
