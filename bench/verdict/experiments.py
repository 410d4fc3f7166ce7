"""Experiments whose true effect is known: played in process, then judged from their logs."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from bench.verdict.logs import EXPERIMENT, START_MS, Split, as_table, part, stamps, write_parquet
from bench.verdict.pooled import names_of, taken_apart
from offline.experiment.aggregates.aggregate import aggregate, aggregate_all
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.metric_files import built_in
from offline.experiment.stats.bayes import readings
from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.effects import CONFIDENCE, Moments
from offline.experiment.stats.equivalence import equivalence
from offline.experiment.stats.power import Plan
from offline.experiment.verdict.verdict import verdicts
from offline.logs.reader import open_logs
from sim.agent import Agent, Answer, Turn
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.config import load_config
from sim.engine.events import Events, Recorder
from sim.engine.play import play
from sim.engine.sessions import EndedSessions, user_rows
from sim.rng import Streams
from sim.world import World
from sim.world.files import open_world

ALPHA = 1 - CONFIDENCE
METRICS = built_in()
PRIMARY = METRICS.primaries[0].name
# Draws of the agent's stream that the recommenders themselves never reach.
_WHICH = 2**40
_IDS = 10**6
"""More than a world has users."""
_PAST = 10**6
"""Number of no experiment: its sessions are those of the time before."""


class Mixed:
    """The oracle for a share of the requests, random tracks for the rest: sets any effect."""

    name = "mixed"
    sources = ("mixed",)

    def __init__(self, streams: Streams, share: float) -> None:
        self._streams, self._share = streams, share
        self._agents: tuple[Agent, Agent] = Policy("random_unseen", streams), Oracle()
        self._begun = False

    def begin(self, world: World, slots: int) -> None:
        if not self._begun:  # the world stays the same, and the oracle takes its time
            for agent in self._agents:
                agent.begin(world, slots)
        self._begun = True

    def recommend(self, turn: Turn) -> Answer:
        first, _ = self._streams.uniforms(3, turn.episodes, turn.steps)
        tracks = np.empty(len(turn.slots), np.int64)
        for agent, mine in zip(
            self._agents, (first >= self._share, first < self._share), strict=True
        ):
            if mine.any():
                tracks[mine] = agent.recommend(part(turn, mine)).tracks
        return Answer(tracks)

    def end(self, turn: Turn) -> None:
        self._agents[1].end(turn)


@dataclass(frozen=True)
class Design:
    """Of one kind of experiment."""

    control: float
    """Share of the requests that the oracle answers."""
    treatment: float
    users: int = 2000
    sessions: int = 5
    """Of a user, on average, in the experiment and in the period before it."""
    days: int = 14


class _Played(NamedTuple):
    number: int
    events: pa.Table
    users: NDArray[Any]
    """Rows of the world's users."""
    session_p: float
    """Of the test that takes every session for a unit."""


class Laboratory:
    """A world and the agents in it; one per process."""

    def __init__(self, config: Path, seed: int, past: Path | None = None) -> None:
        self.world = open_world(load_config(config)).prepared()
        self.streams = Streams(seed)
        self._seed, self._past = seed, past
        self._agents: dict[float, Mixed] = {}
        n = len(self.world.users)
        self._slow = np.random.default_rng(seed).lognormal(-6.5, 0.3, n)
        """Typical latency of each user's requests."""

    def agent(self, share: float) -> Mixed:
        return self._agents.setdefault(share, Mixed(self.streams, share))

    def write_past(self, design: Design, path: Path) -> None:
        """Write the log of a period before any experiment, of all users, answered as the control.

        Experiments share it: given what users did before, who of them is in an experiment, in
        which arm, and what they do there is drawn anew each time.
        """
        everybody = np.zeros(len(self.world.users), np.int64)
        events = self._play(design, self.agent(design.control), everybody, _PAST)
        rng = np.random.default_rng([self._seed, _PAST])
        at, latency = self._times(design, events, rng)
        at = at - (int(at.max()) - START_MS + 1)  # it is over when the experiments begin
        arms = np.zeros(len(at), np.int64)
        write_parquet(as_table(events, at, ("mixed",), ("C",), arms, latency), path)

    @cached_property
    def _before(self) -> Aggregates:
        assert self._past is not None
        with open_logs([self._past]) as log:
            found = aggregate_all(log, metrics=METRICS)
        return replace(found, users=found.users.set_index("user_id"))

    def experiments(
        self, design: Design, numbers: Sequence[int], true_effects: dict[str, float]
    ) -> list[dict[str, Any]]:
        """Play these experiments and judge each from its log; returns the results of each by name.

        They share a log, as reading it costs much the same for one as for several. The results do
        not depend on which experiments are together.
        """
        names = names_of(len(numbers))
        played = [self._played(design, number, i, names) for i, number in enumerate(numbers)]
        with tempfile.TemporaryDirectory(prefix="botify-calibrate-") as folder:
            path = Path(folder) / "during.parquet"
            write_parquet(
                pa.concat_tables(one.events for one in played).unify_dictionaries(), path
            )
            with open_logs([path]) as log:
                during = aggregate(log, EXPERIMENT, metrics=METRICS)
        rows = []
        for one, found in zip(played, taken_apart(during, len(numbers)), strict=True):
            analysis = analyse(found, self._past_of(one), Options(draws=400, seed=one.number))
            row = _noted(analysis, true_effects) | {"number": one.number}
            row["session_as_unit"] = one.session_p < ALPHA
            row["power_predicted"] = _predicted(analysis, true_effects[PRIMARY])
            rows.append(row)
        return rows

    def _past_of(self, played: _Played) -> Aggregates:
        """The period before of the users of an experiment, under their ids there."""
        ids = self.world.users.ids[played.users]
        users = self._before.users.reindex([str(user) for user in ids.tolist()])
        users["user_id"] = [str(user) for user in _own_ids(ids, played.number).tolist()]
        users = users[users["lines"].notna()].reset_index(drop=True)
        return replace(self._before, users=users)

    def _played(
        self, design: Design, number: int, place: int, treatments: Sequence[str]
    ) -> _Played:
        """The events of experiment `number`, the one at `place` of its log."""
        rng = np.random.default_rng([self._seed, number])
        n = len(self.world.users)
        users = rng.choice(n, design.users, replace=False)
        arm_of = np.full(n, -1)
        arm_of[users] = rng.integers(0, 2, design.users)
        agents = [self.agent(design.control), self.agent(design.treatment)]
        events = self._play(design, Split(agents, arm_of), arm_of, number)
        at, latency = self._times(design, events, rng)
        arms = 2 * place + arm_of[np.searchsorted(self.world.users.ids, events.users)]
        named = events._replace(users=_own_ids(events.users, number))
        table = as_table(named, at, ("mixed", "mixed"), treatments, arms, latency)
        return _Played(number, table, users, _session_p(events, arm_of, self.world))

    def _times(
        self, design: Design, events: Events, rng: np.random.Generator
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Timestamps and latencies of events."""
        events = events._replace(episodes=events.episodes - int(events.episodes.min()))
        at = stamps(events, self.world, int(events.episodes.max()) + 1, design.days)
        rows = np.searchsorted(self.world.users.ids, events.users)
        return at, self._slow[rows] * rng.lognormal(0, 0.4, len(rows))

    def _play(self, design: Design, agent: Agent, arm_of: NDArray[Any], block: int) -> Events:
        """Sessions of the chosen users; each block has its own, never played before."""
        n = len(self.world.users)
        size = design.sessions * n
        episodes = np.arange(block * size, (block + 1) * size)
        episodes = episodes[arm_of[user_rows(self.streams, n, episodes)] >= 0]
        recorder = Recorder()
        play(self.world, agent, seed=self._seed, episodes=episodes, recorder=recorder)
        return recorder.events()

    def true_means(self, share: float, sessions: int) -> dict[str, float]:
        """The means over all users of the world, from `sessions` of each, on average."""
        n = len(self.world.users)
        sums = np.zeros((4, n))
        # Sessions that no experiment plays; the same ones for every share.
        first = 10**12

        def ended(some: EndedSessions) -> None:
            for place, value in enumerate(
                (np.ones(len(some.steps)), some.steps + 1, some.rewards + 1, some.steps + 1 > 10)
            ):
                np.add.at(sums[place], some.user_rows, value)

        episodes = range(first, first + sessions * n)
        play(self.world, self.agent(share), seed=self._seed, episodes=episodes, progress=ended)
        count = sums[0]
        means = (sums[1:, count > 0] / count[count > 0]).mean(axis=1)
        return {
            "mean_session_length": means[0],
            "mean_session_time": means[1],
            "time_per_user": means[1],
            "recommended_per_session": means[0] - 1,
            "long_sessions": means[2],
            "sessions": 1.0,
            "mean_request_time": 1.0,
        }


def _own_ids(ids: NDArray[Any], number: int) -> NDArray[Any]:
    """Ids in the log of several experiments, which may have the same users."""
    return ids + _IDS * (number + 1)


def effects(control: dict[str, float], treatment: dict[str, float]) -> dict[str, float]:
    """True effects, in percent of the control mean."""
    return {name: 100 * (treatment[name] / control[name] - 1) for name in control}


def _noted(analysis: Analysis, true_effects: dict[str, float]) -> dict[str, Any]:
    """The figures of one analysed experiment that are counted later."""
    row: dict[str, Any] = {"mismatch": analysis.ratio.mismatch}
    known = [some for some in analysis.comparisons if some.p is not None]
    for name, values in (
        ("any_raw", [some.p for some in known]),
        ("any_holm", [some.p_holm for some in known]),
        ("any_bh", [some.p_bh for some in known]),
    ):
        row[name] = min(float(value) for value in values if value is not None) < ALPHA
    for some in analysis.comparisons:
        row |= _metric(some, true_effects.get(some.effect.metric))
    looks = analysis.looks["T1"]
    row["looks"] = len(looks)
    if looks:  # few users may never make enough of an arm for a first look
        row["peek_valid"] = any(look.excludes_zero for look in looks)
        row["peek_fixed"] = any(not look.fixed_lower <= 0 <= look.fixed_upper for look in looks)
        row["end_valid"] = looks[-1].excludes_zero
        row["valid_covers"] = all(
            look.lower <= true_effects[PRIMARY] <= look.upper for look in looks
        )
    stop = next((i for i, look in enumerate(looks) if look.excludes_zero), None)
    row["stopped_at"] = None if stop is None else (stop + 1) / len(looks)
    return row | _reported(analysis, true_effects[PRIMARY])


def _reported(analysis: Analysis, true_effect: float) -> dict[str, Any]:
    """The report's statements: verdict, Bayesian reading, equivalence at the true effect."""
    [verdict] = verdicts(analysis, {})
    deciding = analysis.deciding("T1")
    row: dict[str, Any] = {
        "wins": verdict.outcome == "wins",
        "loses": verdict.outcome == "loses",
        "no_verdict": verdict.sentence.startswith("No verdict"),
    }
    for reading in readings([deciding], lambda _: True):
        row["better"] = reading.better
        row["reading_covers"] = _within((reading.lower, reading.upper), true_effect)
    if true_effect:
        row["equivalent_at_true_effect"] = (
            equivalence(deciding, abs(true_effect)).status == "shown"
        )
    return row


def _metric(row: Comparison, true_effect: float | None) -> dict[str, Any]:
    name, effect = row.effect.metric, row.effect
    found: dict[str, Any] = {f"{name}.effect": effect.effect}
    if row.p is not None:
        found[f"{name}.{'bootstrap' if row.method == 'bootstrap' else 'welch'}"] = row.p < ALPHA
    if row.cuped is not None and row.adjusted is not None:
        found[f"{name}.cuped"] = not _within(row.cuped, 0.0)
        found[f"{name}.cuped_effect"] = row.cuped_effect
        found[f"{name}.reduction"] = row.adjusted.reduction
    if true_effect is None:
        return found
    if effect.lower is not None and effect.upper is not None:
        found[f"{name}.covers_table"] = _within((effect.lower, effect.upper), true_effect)
    for kind, interval in (
        ("fieller", row.relative),
        ("cuped", row.cuped),
        ("bootstrap", row.bootstrap),
    ):
        if interval is not None:
            found[f"{name}.covers_{kind}"] = _within(interval, true_effect)
    found[f"{name}.width"] = row.relative and row.relative[1] - row.relative[0]
    return found


def _within(interval: Sequence[float], value: float) -> bool:
    return interval[0] <= value <= interval[1]


def _session_p(events: Events, arm_of: NDArray[Any], world: World) -> float:
    """The mistake: every session a unit of its own."""
    starts = np.flatnonzero(np.diff(events.episodes, prepend=-1))
    times = np.add.reduceat(events.times, starts)
    arms = arm_of[np.searchsorted(world.users.ids, events.users[starts])]
    return float(stats.ttest_ind(times[arms == 1], times[arms == 0], equal_var=False).pvalue)


def _predicted(analysis: Analysis, effect: float) -> float:
    """The power that would have been promised from the period before."""
    assert analysis.before is not None
    moments = Moments.of(analysis.before.users[PRIMARY].dropna())
    users = [len(analysis.aggregates.values(arm, PRIMARY)) for arm in ("C", "T1")]
    return Plan.of(moments).power(effect, 2 / sum(1 / n for n in users)) if effect else ALPHA
