"""Experiments whose true effect is known: played in process, then judged from their logs."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.verdict.logs import START_MS, Split, as_table, stamps, write_parquet
from offline.experiment.aggregates.aggregate import aggregate, aggregate_all
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.metric_files import built_in
from offline.experiment.stats.bayes import readings
from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.effects import CONFIDENCE, Moments
from offline.experiment.stats.equivalence import equivalence
from offline.experiment.stats.power import Plan
from offline.experiment.verdict.verdict import verdicts
from offline.logs.reader import open_logs
from sim.agent import Answer, Turn
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


class Mixed:
    """The oracle for a share of the requests, random tracks for the rest: sets any effect."""

    name = "mixed"
    sources = ("mixed",)

    def __init__(self, streams: Streams, share: float) -> None:
        self._streams, self._share = streams, share
        self._agents = Policy("random_unseen", streams), Oracle()
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
                part = Turn(*(column[mine] for column in turn[:-2]), *turn[-2:])
                tracks[mine] = agent.recommend(part).tracks
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
    """Of a user, on average, in the experiment and again in the period before it."""
    days: int = 14


class Laboratory:
    """A world and the agents in it; one per process."""

    def __init__(self, config: Path, seed: int) -> None:
        self.world = open_world(load_config(config)).prepared()
        self.streams = Streams(seed)
        self._seed = seed
        self._agents: dict[float, Mixed] = {}

    def agent(self, share: float) -> Mixed:
        return self._agents.setdefault(share, Mixed(self.streams, share))

    def experiment(self, design: Design, number: int, truth: dict[str, float]) -> dict[str, Any]:
        """Play experiment `number` and judge it from its logs; returns the results by name."""
        rng = np.random.default_rng([self._seed, number])
        n = len(self.world.users)
        users = rng.choice(n, design.users, replace=False)
        arm_of = np.full(n, -1)
        arm_of[users] = rng.integers(0, 2, design.users)
        agents = [self.agent(design.control), self.agent(design.treatment)]
        before = self._play(design, Split([agents[0], agents[0]], arm_of), arm_of, 2 * number)
        during = self._play(design, Split(agents, arm_of), arm_of, 2 * number + 1)
        slow = rng.lognormal(-6.5, 0.3, n)
        with tempfile.TemporaryDirectory(prefix="botify-calibrate-") as folder:
            logs = []
            for name, events in (("before", before), ("during", during)):
                base = int(events.episodes.min())
                events = events._replace(episodes=events.episodes - base)
                at = stamps(events, self.world, int(events.episodes.max()) + 1, design.days)
                if name == "before":  # a period before is over when the experiment begins
                    at = at - (int(at.max()) - START_MS + 1)
                rows = np.searchsorted(self.world.users.ids, events.users)
                latency = slow[rows] * rng.lognormal(0, 0.4, len(rows))
                arms = dict(zip(self.world.users.ids.tolist(), arm_of.tolist(), strict=True))
                table = as_table(events, at, ("mixed", "mixed"), ("C", "T1"), arms, latency)
                logs.append(Path(folder) / f"{name}.parquet")
                write_parquet(table, logs[-1])
            with open_logs(logs[:1]) as log:
                earlier = aggregate_all(log, metrics=METRICS)
            with open_logs(logs[1:]) as log:
                found = aggregate(log, "PLAYED", metrics=METRICS)
        analysis = analyse(found, earlier, Options(draws=400, seed=number))
        row = _noted(analysis, truth) | {"number": number}
        row["session_as_unit"] = _session_p(during, arm_of, self.world) < ALPHA
        row["power_predicted"] = _predicted(analysis, truth[PRIMARY])
        return row

    def _play(self, design: Design, agent: Split, arm_of: NDArray[Any], block: int) -> Events:
        """Sessions of the chosen users; each block has its own, never played before."""
        n = len(self.world.users)
        size = design.sessions * n
        episodes = np.arange(block * size, (block + 1) * size)
        episodes = episodes[arm_of[user_rows(self.streams, n, episodes)] >= 0]
        recorder = Recorder()
        play(self.world, agent, seed=self._seed, episodes=episodes, recorder=recorder)
        return recorder.events()

    def truth(self, share: float, sessions: int) -> dict[str, float]:
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


def effects(control: dict[str, float], treatment: dict[str, float]) -> dict[str, float]:
    """True effects, in percent of the control mean."""
    return {name: 100 * (treatment[name] / control[name] - 1) for name in control}


def _noted(analysis: Analysis, truth: dict[str, float]) -> dict[str, Any]:
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
        row |= _metric(some, truth.get(some.effect.metric))
    looks = analysis.looks["T1"]
    row["looks"] = len(looks)
    if looks:  # few users may never make enough of an arm for a first look
        row["peek_valid"] = any(look.excludes_zero for look in looks)
        row["peek_fixed"] = any(not look.fixed_lower <= 0 <= look.fixed_upper for look in looks)
        row["end_valid"] = looks[-1].excludes_zero
        row["valid_covers"] = all(look.lower <= truth[PRIMARY] <= look.upper for look in looks)
    stop = next((i for i, look in enumerate(looks) if look.excludes_zero), None)
    row["stopped_at"] = None if stop is None else (stop + 1) / len(looks)
    return row | _said(analysis, truth[PRIMARY])


def _said(analysis: Analysis, truth: float) -> dict[str, Any]:
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
        row["reading_covers"] = _within((reading.lower, reading.upper), truth)
    if truth:
        row["equivalent_at_truth"] = equivalence(deciding, abs(truth)).status == "shown"
    return row


def _metric(row: Comparison, true: float | None) -> dict[str, Any]:
    name, effect = row.effect.metric, row.effect
    found: dict[str, Any] = {f"{name}.effect": effect.effect}
    if row.p is not None:
        found[f"{name}.{'bootstrap' if row.method == 'bootstrap' else 'welch'}"] = row.p < ALPHA
    if row.cuped is not None and row.adjusted is not None:
        found[f"{name}.cuped"] = not _within(row.cuped, 0.0)
        found[f"{name}.cuped_effect"] = row.cuped_effect
        found[f"{name}.reduction"] = row.adjusted.reduction
    if true is None:
        return found
    if effect.lower is not None and effect.upper is not None:
        found[f"{name}.covers_table"] = _within((effect.lower, effect.upper), true)
    for kind, interval in (
        ("fieller", row.relative),
        ("cuped", row.cuped),
        ("bootstrap", row.bootstrap),
    ):
        if interval is not None:
            found[f"{name}.covers_{kind}"] = _within(interval, true)
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
    users = [len(analysis.aggregates.values(side, PRIMARY)) for side in ("C", "T1")]
    return Plan.of(moments).power(effect, 2 / sum(1 / n for n in users)) if effect else ALPHA
