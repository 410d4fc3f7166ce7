"""`check_agent`: whether an agent keeps what the simulator promises of all.

For the tests of a package that offers one:

    from sim.testing import check_agent

    def test_it_keeps_the_promises():
        check_agent("change_artist")
"""

import json
import pickle
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from contract.files import NEIGHBOURS, RECOMMENDATIONS, TOP_TRACKS
from sim.agent import Agent, Answer, Turn
from sim.agents.offered import AgentMaker
from sim.agents.registry import maker_of
from sim.arrays import Floats, Ints
from sim.engine.play import play
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World
from sim.worldgen.generated import GeneratorOptions, generate

_NAME = "checked"
_EPISODES = range(60)
_SEED = 7
_TIMES = (1.0, 0.2, 0.9, 0.1)
"""How much is heard of the first plays, where propensities are checked."""
_SIGMAS = 5.0
"""Standard errors by which a share may differ from its propensity: a false alarm in a million."""


class CheckError(AssertionError):
    """The agent does not keep a promise; the message says which, and where it showed."""


def check_agent(agent: str | type[AgentMaker], *, draws: int = 1000) -> None:
    """Play with an agent and raise CheckError if it breaks one of these promises.

    - Each answer is a track of the catalog, with a known source, a rank of -1 or more and a
      propensity above 0 and up to 1, or NaN.
    - A session's answers do not depend on how many are played at a time, in which order or
      process, and the same seed gives the same ones.
    - It does not look at what only the oracle may know: the session's taste.
    - Its propensities are honest: of many answers to the same session, each track has the share
      that is claimed for it.
    - It changes nothing but itself: not the turn, not the generators of `random` and numpy.

    Parameters
    ----------
    agent : str or type of AgentMaker
        The class, or the name of its entry point. List files that it reads are made.
    draws : int
        Number of answers to each of the sessions whose propensities are checked.

    Raises
    ------
    CheckError
        Names the first promise that is broken.

    Examples
    --------
    >>> from sim import SessionAgent
    >>> from sim.testing import check_agent
    >>> class SameArtist(SessionAgent):
    ...     def choose(self, turn):
    ...         return turn.draw(self.catalog.artist_tracks(turn.track))
    >>> check_agent(SameArtist, draws=200)
    """
    maker = maker_of(agent) if isinstance(agent, str) else agent
    name = agent if isinstance(agent, str) else _NAME
    world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=3)
    with tempfile.TemporaryDirectory() as folder:
        _write_lists(world, Path(folder))

        def make() -> Agent:
            return maker.make(name, world, Streams(_SEED), Path(folder))

        try:
            played = _answers(make(), world)
            for batch in (1, 7):
                _that(
                    _answers(make(), world, batch) == played,
                    f"the same seed gave other answers with {batch} sessions at a time",
                )
            _that(
                _answers(_copied(make()), world) == played,
                "a copy of it, such as another process has, gives other answers",
            )
            _that(
                _answers(make(), world, blind=True) == played,
                "it looks at the session's taste, which no recommender knows",
            )
            for user_row in range(3):
                _check_propensities(make(), world, user_row, draws)
        except InputError as error:
            raise CheckError(str(error)) from error


def _that(holds: bool, promise: str) -> None:
    if not holds:
        raise CheckError(promise)


def _copied(agent: Agent) -> Agent:
    try:
        found: Agent = pickle.loads(pickle.dumps(agent))
    except Exception as error:  # whatever its parts raise
        raise CheckError(f"it cannot be sent to other processes: {error}") from error
    return found


def _answers(
    agent: Agent, world: World, batch: int = len(_EPISODES), blind: bool = False
) -> dict[tuple[int, int], int]:
    """The answers by episode and step, each checked."""
    checked = _Checked(agent, len(world.catalog), blind)
    before = _global_state()
    play(world, checked, seed=_SEED, episodes=_EPISODES, batch=batch)
    _that(
        _global_state() == before,
        "it draws from the generator of `random` or numpy: use its streams",
    )
    return checked.answers


def _global_state() -> bytes:
    return pickle.dumps((random.getstate(), np.random.get_state()))  # noqa: NPY002


class _Checked:
    """Passes turns on to an agent and checks what it gives."""

    def __init__(self, agent: Agent, n_tracks: int, blind: bool) -> None:
        self._agent, self._n_tracks, self._blind = agent, n_tracks, blind
        self.name, self.begin, self.end = agent.name, agent.begin, agent.end
        self.sources = agent.sources
        _that(agent.name in self.sources[:1], "`sources` must begin with its own name")
        self.answers: dict[tuple[int, int], int] = {}

    def recommend(self, turn: Turn) -> Answer:
        if self._blind:
            turn = turn._replace(tastes=np.zeros_like(turn.tastes))
        before = pickle.dumps(tuple(turn))
        answer = self._agent.recommend(turn)
        _that(pickle.dumps(tuple(turn)) == before, "it changes the turn that it is given")
        self._check(answer, turn)
        where = zip(turn.episodes.tolist(), turn.steps.tolist(), strict=True)
        self.answers |= dict(zip(where, answer.tracks.tolist(), strict=True))
        return answer

    def _check(self, answer: Answer, turn: Turn) -> None:
        n = len(turn.slots)
        for what, values in answer._asdict().items():
            if values is not None:
                shape = getattr(values, "shape", None)
                _that(shape == (n,), f"`{what}` must be an array of shape ({n},), not {shape}")
        tracks = answer.tracks
        _that(tracks.dtype.kind in "iu", f"`tracks` are {tracks.dtype}, and must be whole numbers")
        good = (tracks >= 0) & (tracks < self._n_tracks)
        _that(bool(good.all()), f"there is no track {tracks[~good][:1]}")
        if answer.ranks is not None:
            _that(bool((answer.ranks >= -1).all()), "a rank is 0 or more, or -1 for none")
        if answer.sources is not None:
            known = (answer.sources >= 0) & (answer.sources < len(self.sources))
            _that(bool(known.all()), "`sources` of an answer must be places in the agent's")
        if answer.propensities is not None:
            chances = answer.propensities[~np.isnan(answer.propensities)]
            fine = (chances > 0) & (chances <= 1)
            _that(bool(fine.all()), f"{chances[~fine][:1]} is no probability of what was chosen")


def _check_propensities(agent: Agent, world: World, user_row: int, draws: int) -> None:
    """Play some turns of many sessions that are alike but for their random numbers."""
    slots = np.arange(draws)
    agent.begin(world, draws)
    history, artists = np.zeros((2, draws, 8), np.int32)
    track, played = int(user_row), set[int]()
    for step, time in enumerate(_TIMES):
        history[:, step], artists[:, step] = track, world.catalog.artist_of[track]
        played.add(track)
        rows = np.full(draws, user_row)
        turn = Turn(
            *(slots, slots, np.full(draws, step), rows, world.users.ids[rows]),
            *(np.full(draws, track), np.full(draws, time), np.zeros(draws, np.int64)),
            *(np.full(draws, len(played)), history, artists),
        )
        answer = agent.recommend(turn)
        if answer.propensities is not None:
            _check_shares(answer.tracks, answer.propensities)
        track = int(answer.tracks[0])


def _check_shares(tracks: Ints, claimed: Floats) -> None:
    for track in np.unique(tracks).tolist():
        claims = np.unique(claimed[tracks == track])
        if np.isnan(claims).any():
            continue
        _that(
            bool(np.ptp(claims) < 1e-9),
            f"track {track} has propensities from {claims.min():g} to {claims.max():g} in "
            "sessions that are alike",
        )
        chance, share = float(claims[0]), float((tracks == track).mean())
        error = _SIGMAS * (chance * (1 - chance) / len(tracks)) ** 0.5 + 1 / len(tracks)
        _that(
            abs(share - chance) <= error,
            f"track {track} is said to have the propensity {chance:.4f}, but is {share:.4f} of "
            f"{len(tracks)} answers",
        )


def _write_lists(world: World, folder: Path) -> None:
    """The files that agents read: every user, and every track, has a list."""
    n = len(world.catalog)
    lists: dict[str, list[dict[str, Any]]] = {
        RECOMMENDATIONS: [
            {"user": user, "tracks": [(user + 3 * k) % n for k in range(12)]}
            for user in world.users.ids.tolist()
        ],
        NEIGHBOURS: [
            {"track": track, "recommendations": [(track + 5 * k) % n for k in range(1, 9)]}
            for track in range(n)
        ],
    }
    for name, lines in lists.items():
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / TOP_TRACKS).write_text(json.dumps(list(range(0, n, 2))))
