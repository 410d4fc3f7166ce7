"""A blend whose best items are put in order by a ranker that was trained on the last sessions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse

from offline.data.events import Events
from offline.data.sessions import Prefixes, prefixes_of, training_set_of
from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.linear_dae.recency import by_recency
from offline.models.sessions.covisit import CoVisit, SequenceRules
from offline.models.sessions.knn import SessionKNN
from offline.models.sessions.trail import MINUTE_MS
from offline.models.storage import Arrays
from offline.ranker.dataset import Part, Parts
from offline.ranker.fit import fit
from offline.ranker.options import RankerOptions
from offline.ranker.trees import Trees

_SEPARATOR = "--"
_BASE = ("walks", "nearest")
"""The sources whose sum finds the candidates."""
_ROWS = 512
_LEAST_GROUPS = 50
_TREES = ("split_features", "split_borders", "leaves")


class RankedBlend(Recommender):
    """The history's own items, the latest first; then what other models find, in a ranker's order.

    The candidates are the best items by the sum of co-visitation with walks and nearest sessions,
    each divided by its largest score. The ranker knows the scores and places that co-visitation,
    its cosine, sequence rules and nearest sessions give them, the same for the last item alone,
    and how popular they are. It learns from the last sessions, of which these models, fitted on
    the sessions before, are asked what comes next that is not in the session yet; then they are
    fitted on all. With fewer than 50 such cases there is no ranker, and the sum is the order.
    Training needs CatBoost.
    """

    name = "ranked-blend"
    uses_timestamps = True
    own_neighbours = True

    class Config(Recommender.Config):
        """Options of the ranked blend."""

        candidates: PositiveInt = 150
        share: float = Field(default=0.1, gt=0, lt=1)
        """Of the sessions, the last ones, from which the ranker learns."""
        cases: PositiveInt = 10_000
        """Beginnings of those sessions at most, drawn at random."""
        session_minutes: float = Field(default=30.0, gt=0)
        """A session ends where nothing happens for longer."""
        trees: int = Field(default=300, ge=1, le=500)
        depth: int = Field(default=6, ge=1, le=8)
        learning_rate: float = Field(default=0.06, gt=0, le=1)
        seed: int = Field(default=31337, ge=0, le=2**31 - 1)

    config: Config

    def __init__(self, config: Any = None, **options: Any) -> None:
        super().__init__(config, **options)
        self._sources = _sources()
        self._trees: Trees | None = None

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        n_items = data.histories.n_tracks
        self._trees = None
        before, cases = self._cases(data.events(), n_items)
        if cases is not None:
            self._fit_sources(training_set_of(before, n_items), hooks)
            self._trees = self._trained(*cases)
        self._fit_sources(data, hooks)

    def _fit_sources(self, data: TrainingSet, hooks: Hooks) -> None:
        self._sources = _sources()
        for source in self._sources.values():
            source.fit(data, hooks)
        self._count = data.histories.popularity().astype(np.float32)

    def _cases(
        self, events: Events, n_items: int
    ) -> tuple[Events, tuple[sparse.csr_matrix, NDArray[np.int64]] | None]:
        """The events before the last sessions; weighed beginnings of those, and what came next."""
        o = self.config
        session = events.sessions(int(o.session_minutes * MINUTE_MS))
        n = int(session.max(initial=-1)) + 1
        begun = np.full(n, np.iinfo(np.int64).max)
        np.minimum.at(begun, session, events.timestamp)
        later = np.zeros(n, np.bool_)
        later[np.argsort(begun, kind="stable")[n - int(o.share * n) :]] = True
        held, before = events.where(later[session]), events.where(~later[session])
        if not len(held) or not len(before):
            return before, None
        prefixes = prefixes_of(held, session[later[session]])
        new = np.flatnonzero(~prefixes.repeated())
        if len(new) > o.cases:
            new = np.sort(np.random.default_rng(o.seed).choice(new, o.cases, replace=False))
        if not len(new):
            return before, None
        # By when their sessions began, so that the last ones end the training.
        new = new[np.argsort(begun[prefixes.session[new]], kind="stable")]
        histories, places = Prefixes.histories(prefixes, n_items)
        return before, (by_recency(histories, places, 1.0)[new], prefixes.target[new])

    def _trained(self, histories: sparse.csr_matrix, targets: NDArray[np.int64]) -> Trees | None:
        o = self.config
        values, labels = [], []
        for at in range(0, len(targets), _ROWS):
            rows = slice(at, at + _ROWS)
            found, of, _ = self._candidates(histories[rows])
            is_target = found == targets[rows][:, None]
            there = is_target.any(axis=1)
            values.append(of[there])
            labels.append(is_target[there])
        x, y = np.concatenate(values), np.concatenate(labels)
        if len(x) < _LEAST_GROUPS:
            return None
        cut = int(0.85 * len(x))
        validation = _part(x[cut:], y[cut:])
        parts = Parts(_part(x[:cut], y[:cut]), validation, validation, (0, 0), 0)
        options = RankerOptions(
            trees=o.trees, depth=o.depth, learning_rate=o.learning_rate, negatives=60, seed=o.seed
        )
        names = tuple(f"f{number}" for number in range(x.shape[2]))
        return fit(parts, names, options).trees

    def _candidates(
        self, histories: sparse.csr_matrix
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Items (n, candidates), best first by the sum; their values (n, candidates, features);
        and the sum (n, items), -1 at the history's own items."""
        order = -np.rint(1 / histories.data).astype(np.int64)  # of time: what `_weighed` encoded
        plain = histories.copy()
        plain.data = np.ones_like(plain.data)
        last = histories.copy()
        last.data = (histories.data == 1).astype(np.float32)
        last.eliminate_zeros()
        total = np.zeros(histories.shape, np.float32)
        found = {}
        for name, source in self._sources.items():
            scores = source._scores(source._weighed(plain, order), None)
            found[name] = scores / np.maximum(scores.max(axis=1, keepdims=True), _TINY)
            if name in _BASE:
                total += found[name]
        rows = np.repeat(np.arange(len(total)), np.diff(histories.indptr))
        total[rows, histories.indices] = -1
        most = min(self.config.candidates, total.shape[1])
        ids = np.argpartition(-total, most - 1, axis=1)[:, :most].astype(np.int64)
        ids.sort(axis=1)
        best = np.take_along_axis(total, ids, axis=1)
        ids = np.take_along_axis(ids, np.argsort(-best, axis=1, kind="stable"), axis=1)
        near = self._sources["near"]
        found["last"] = near._scores(last, None)
        found["last"] /= np.maximum(found["last"].max(axis=1, keepdims=True), _TINY)
        columns = []
        for scores in (total, *found.values()):
            some = np.take_along_axis(scores, ids, axis=1)
            places = np.argsort(np.argsort(-some, axis=1, kind="stable"), axis=1, kind="stable")
            columns += [some, places.astype(np.float32)]
        popular = np.log1p(self._count)
        seeds = np.zeros(len(ids), np.float32)
        np.maximum.at(seeds, rows, popular[histories.indices] * (histories.data == 1))
        sizes = np.diff(histories.indptr).astype(np.float32)
        columns += [
            popular[ids],
            *(np.broadcast_to(x[:, None], ids.shape) for x in (seeds, sizes)),
        ]
        return ids, np.stack(columns, axis=-1).astype(np.float32), total

    def _weighed(
        self, histories: sparse.csr_matrix, timestamps: NDArray[np.int64] | None
    ) -> sparse.csr_matrix:
        return histories if timestamps is None else by_recency(histories, timestamps, 1.0)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        ids, values, total = self._candidates(histories)
        largest = max(1.0, float(self._count.max()))
        scores = total / (len(_BASE) + 1) + self._count * np.float32(1e-6 / largest)
        if self._trees is not None:
            n, most, _ = values.shape
            ranks = self._trees.scores(values.reshape(n * most, -1)).reshape(n, most)
            places = np.argsort(np.argsort(-ranks, axis=1, kind="stable"), axis=1)
            # What no source knows stays behind what one does.
            known = np.take_along_axis(total, ids, axis=1) > 0
            ranked = np.where(known, 2 - places / most, np.take_along_axis(scores, ids, axis=1))
            np.put_along_axis(scores, ids, ranked.astype(np.float32), axis=1)
        rows = np.repeat(np.arange(len(scores)), np.diff(histories.indptr))
        scores[rows, histories.indices] = 3 + histories.data
        return scores

    def _likeness(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        return self._sources["walks"]._likeness(histories)

    def _state(self) -> Arrays:
        state = {
            f"{name}{_SEPARATOR}{key}": array
            for name, source in self._sources.items()
            for key, array in source._state().items()
        }
        if self._trees is not None:
            state |= {name: getattr(self._trees, name) for name in _TREES}
            # Levels that a tree lacks have a border of infinity, which no file of a model may.
            state["split_borders"] = np.minimum(state["split_borders"], _MOST)
            state["scale"] = np.array([self._trees.scale, self._trees.bias])
        return state

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self._count = self.popularity
        self._trees = None
        if "scale" in state:
            features, borders, leaves = (state[name] for name in _TREES)
            scale, bias = map(float, state["scale"])
            self._trees = Trees(features, borders, leaves, scale, bias)
        for name, source in self._sources.items():
            prefix = f"{name}{_SEPARATOR}"
            own = {k.removeprefix(prefix): x for k, x in state.items() if k.startswith(prefix)}
            source._popularity = self.popularity
            source._set_state(own, data)
            source._data = data


_TINY = np.finfo(np.float32).tiny
_MOST = np.finfo(np.float32).max


def _sources() -> dict[str, Recommender]:
    return {
        "near": CoVisit(distance_decay=1.0),
        "walks": CoVisit(distance_decay=1.0, second=1.0),
        "cosine": CoVisit(item_exponent=0.5, neighbour_exponent=0.5),
        "rules": SequenceRules(),
        "nearest": SessionKNN(),
    }


def _part(values: NDArray[np.float32], labels: NDArray[np.bool_]) -> Part:
    n, most, features = values.shape
    return Part(
        values.reshape(n * most, features),
        labels.reshape(-1).astype(np.uint8),
        np.arange(n + 1) * most,
        np.arange(n),
    )
