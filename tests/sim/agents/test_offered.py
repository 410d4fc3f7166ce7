"""Agents that packages offer: checked, found by name, and named where they cannot be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.plugins import Plugins
from sim.agent import Answer, Turn
from sim.agents import registry
from sim.agents.built_in import ORDER
from sim.agents.offered import AGENTS, GROUP, AgentMaker, OfferedAgent
from sim.agents.session_agent import Choice, SessionAgent, SessionTurn
from sim.engine.play import play
from sim.errors import InputError
from sim.rng import Streams
from sim.testing import CheckError, check_agent
from sim.world import World


class ChangeArtist(SessionAgent):
    """A track of the last track's artist; after a skip, of an artist that was not skipped."""

    def choose(self, turn: SessionTurn) -> Choice | None:
        if turn.time >= 0.4:
            return turn.draw(self.catalog.artist_tracks(turn.track))
        skipped = [track for track, time in turn.plays if time < 0.4]
        return turn.draw_from_catalog(
            {track for each in skipped for track in self.catalog.artist_tracks(each)}
        )


class Weighted(SessionAgent):
    def choose(self, turn: SessionTurn) -> Choice | None:
        return turn.draw([1, 2, 3, 2], [5, 1, 0, 2]) or turn.first([7, 8])


def test_the_built_in_agents_are_entry_points() -> None:
    assert {*ORDER} == {plugin.name for plugin in AGENTS.all if plugin.built_in}
    assert registry.names()[: len(ORDER)] == ORDER


@pytest.mark.parametrize("agent", [ChangeArtist, Weighted, "policy:i2i", "policy:dae", "random"])
def test_agents_that_keep_the_promises(agent: str | type[AgentMaker]) -> None:
    check_agent(agent, draws=300)


class Lies(SessionAgent):
    def choose(self, turn: SessionTurn) -> Choice | None:
        choice = turn.draw(range(8))
        return None if choice is None else choice._replace(propensity=0.9)


class CountsSessions(SessionAgent):
    n = 0

    def choose(self, turn: SessionTurn) -> Choice | None:
        self.n += 1
        return Choice(self.n % turn.n_tracks)


class Global(SessionAgent):
    def choose(self, turn: SessionTurn) -> Choice | None:
        return Choice(int(np.random.randint(turn.n_tracks)))  # noqa: NPY002


class Knows(OfferedAgent):
    def recommend(self, turn: Turn) -> Answer:
        return Answer(turn.tastes.copy())


class Changes(OfferedAgent):
    def recommend(self, turn: Turn) -> Answer:
        turn.history[turn.slots, turn.steps] = 5
        return Answer(turn.tracks.copy())


class NoTrack(OfferedAgent):
    def recommend(self, turn: Turn) -> Answer:
        return Answer(turn.tracks + 1000)


class Fails(SessionAgent):
    def choose(self, turn: SessionTurn) -> Choice | None:
        raise KeyError("genre")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (Lies, "is said to have the propensity 0.9"),
        (CountsSessions, "sessions at a time"),
        (Global, "generator of `random` or numpy"),
        (Knows, "the session's taste"),
        (Changes, "changes the turn"),
        (NoTrack, "there is no track"),
        (Fails, "failed for user .* after track .*: KeyError: 'genre'"),
    ],
)
def test_a_broken_promise_is_named(agent: type[AgentMaker], said: str) -> None:
    with pytest.raises(CheckError, match=said):
        check_agent(agent, draws=300)


def test_a_session_agent_sees_the_plays_and_offers_nothing_twice(
    make_world: Callable[..., World],
) -> None:
    world, seen = make_world(), []

    class Looks(ChangeArtist):
        def choose(self, turn: SessionTurn) -> Choice | None:
            assert turn.plays[0][1] == 1.0
            assert turn.plays[-1] == (turn.track, turn.time)
            choice = super().choose(turn)
            seen.append((turn.seen, choice))
            return choice

    agent = Looks("looks", world, Streams(3))
    play(world, agent, seed=3, episodes=range(50))
    assert len(seen) > 100
    assert all(choice is None or choice.track not in tracks for tracks, choice in seen)
    assert agent.sources == ("looks", "random")


class _Package:
    """A distribution that offers agents."""

    def __init__(self, name: str, **offers: str) -> None:
        from importlib.metadata import EntryPoint, EntryPoints

        self.metadata, self.version = {"Name": name}, "1.0"
        self.entry_points = EntryPoints(
            EntryPoint(agent, value, GROUP) for agent, value in offers.items()
        )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside ours, a package with an agent, a broken one, and one named as ours is."""
    from importlib.metadata import distributions

    here = "tests.sim.agents.test_offered" if __package__ else __name__
    package = _Package(
        "change-artist",
        change_artist=f"{here}:ChangeArtist",
        broken="no_such_module:Agent",
        wrong=f"{here}:Choice",
        oracle=f"{here}:ChangeArtist",
    )
    found = Plugins(GROUP, "agent", AGENTS._check, lambda: [*distributions(), package])  # type: ignore[list-item]
    monkeypatch.setattr(registry, "AGENTS", found)


@pytest.mark.usefixtures("installed")
def test_a_package_offers_an_agent_and_a_broken_one_harms_no_other(
    make_world: Callable[..., World],
) -> None:
    assert {"change_artist", "broken", "wrong"} < {*registry.names()}
    labels = registry.labels()
    assert labels["change_artist"] == "change_artist"
    assert not {"broken", "wrong"} & {*labels}
    agent = registry.create_agent("change_artist", make_world(), Streams(1), Path())
    assert type(agent).__name__ == "ChangeArtist"
    with pytest.raises(InputError, match=r"'broken' of change-artist 1\.0 .* cannot be imported"):
        registry.check("broken", None)
    with pytest.raises(InputError, match=r"no subclass of sim\.OfferedAgent"):
        registry.check("wrong", None)
    assert registry.package_of("change_artist") == "change-artist 1.0"


@pytest.mark.usefixtures("installed")
def test_a_name_of_ours_stays_ours(make_world: Callable[..., World]) -> None:
    agent = registry.create_agent("oracle", make_world(), Streams(1), Path())
    assert type(agent).__name__ == "Oracle"
    [problem] = registry.AGENTS.problems
    assert problem.startswith("change-artist 1.0 offers an agent 'oracle'")
    assert "name of botify's own" in problem
