"""Groups of candidates with labels: what a ranker is trained on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.shop.features.facts import Candidate
from botify.shop.features.names import FeatureSet
from botify.shop.features.values import feature_values
from botify.shop.replay.candidates import AsOf
from botify.shop.replay.log import Line
from botify.shop.replay.state import ShopState
from contract.shop_events import ShopEvent, parse_shop_event

TOLERANCE = 1e-5
"""Logged and replayed values may differ by so much, relatively: sums of doubles in another order,
kept as float32."""


Leading = tuple[str, str, int]
"""Visitor, item, and when the service knew of the event, in ms."""
_LEADS_MS = 30 * 60_000


class Group(NamedTuple):
    """The candidates of one moment."""

    visitor: str
    time: int
    """In ms; the values are as of then."""
    until: int
    """No label depends on anything after this."""
    shown: bool
    """Whether they are what was answered."""
    items: list[str]
    values: NDArray[np.float32]
    labels: NDArray[np.uint8]


class _Answer:
    def __init__(self, line: Line, items: list[str], values: NDArray[np.float32]) -> None:
        self.time: int = line.row["timestamp"]
        self.request = str(line.row["request"])
        self.rows = {item: row for row, item in enumerate(items)}
        self.values = values
        self.labels = np.zeros(len(items), dtype=np.uint8)


class Grouping:
    """Yields groups while a log is replayed; tells in `counts` what became of the rest."""

    def __init__(
        self,
        features: FeatureSet,
        state: ShopState,
        as_of: AsOf,
        targets: Sequence[str],
        window_ms: int,
        source_names: Sequence[str],
        share: float = 1.0,
        leading: Set[Leading] = frozenset(),
    ) -> None:
        """`targets`: the kinds of event that make an item a good answer. `window_ms`: how long
        after an answer they count for it. `source_names`: of the sources in answers. `share`: of
        the targets where nothing was shown, that are taken; which ones is told by the event.
        `leading`: events whose moments stand for those of the targets that they led to
        (`leading_events`)."""
        self._features = features
        self._state = state
        self._as_of = as_of
        self._targets = frozenset(targets)
        self._window = window_ms
        self._sources = frozenset(source_names)
        self._share = share
        self._leading = leading
        self._led: set[tuple[str, str]] = set()
        self._answers: dict[str, list[_Answer]] = {}
        self._open: list[tuple[str, _Answer]] = []
        self.counts: Counter[str] = Counter()

    def replay(self, line: Line) -> Iterator[Group]:
        """The groups that are complete with this line."""
        yield from self._closed(line.known)
        message = line.row["message"]
        if message == "item":
            self._state.change(line.row)
        elif message == "recommend":
            self._answer(line)
        else:
            event = parse_shop_event(line.row)
            recent = self._state.recent(event.user, line.known)
            group = self._of_event(event, line.known)
            if group is not None:
                yield group
            if self._state.take(event, line.known):
                self._as_of.take(event.item, recent, event.timestamp or line.known)

    def end(self) -> Iterator[Group]:
        """What is left when the log ends: windows that it does not cover are closed early."""
        if self._open:
            self.counts["answers whose window the log does not cover"] = len(self._open)
        yield from self._closed(2**63)

    def _closed(self, now: int) -> Iterator[Group]:
        done = 0
        for user, answer in self._open:
            if answer.time + self._window >= now:
                break
            done += 1
            self._answers[user].remove(answer)
            if not self._answers[user]:
                del self._answers[user]
            if answer.labels.any():
                self.counts["groups of what was shown"] += 1
                until = answer.time + self._window
                items = list(answer.rows)
                yield Group(user, answer.time, until, True, items, answer.values, answer.labels)
            else:
                self.counts["answers without a target after them"] += 1
        del self._open[:done]

    def _answer(self, line: Line) -> None:
        row, now = line.row, line.row["timestamp"]
        user, places = str(row["user"]), defaultdict[str, int](int)
        candidates = []
        for item, source, score in zip(row["items"], row["sources"], row["scores"], strict=True):
            known = {source: (places[source], score)} if source in self._sources else {}
            candidates.append(Candidate(item, known))
            places[source] += 1
        if not candidates:
            self.counts["empty answers"] += 1
            return
        values = self.values(candidates, user, line.known, now)
        values = self._logged(row.get("features"), values)
        answer = _Answer(line, [candidate.item for candidate in candidates], values)
        self._answers.setdefault(user, []).append(answer)
        self._open.append((user, answer))

    def _logged(self, logged: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The values that the service used, if they are of the same features; else these."""
        if not isinstance(logged, dict) or logged.get("fingerprint") != self._features.fingerprint:
            self.counts["answers whose values are replayed"] += 1
            return values
        used = values.copy()
        try:
            for place, row in enumerate(logged["values"]):
                if row is not None:  # else it was not ranked
                    used[place] = [np.nan if value is None else value for value in row]
            fits = len(logged["values"]) == len(values)
        except (ValueError, IndexError):
            fits = False
        if not fits:
            self.counts["answers whose logged values have another shape"] += 1
            return values
        self.counts["answers whose values are logged"] += 1
        # Places among all candidates are known to the service alone.
        first = self._features.of_sources
        same = np.isclose(used, values, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)[:, first:]
        self.counts["logged values"] += same.size
        self.counts["logged values that the replay has otherwise"] += int((~same).sum())
        return used

    def _of_event(self, event: ShopEvent, now: int) -> Group | None:
        pair = event.user, event.item
        if (*pair, now) in self._leading and event.user not in self._answers:
            self._led.add(pair)
            return self._among_candidates(event, now)
        if event.event not in self._targets:
            return None
        if pair in self._led:
            self._led.remove(pair)
            return None
        return self._target(event, now)

    def _target(self, event: ShopEvent, now: int) -> Group | None:
        answers = self._answers.get(event.user)
        if answers:
            for answer in reversed(answers):
                if event.request not in (None, answer.request):
                    continue
                row = answer.rows.get(event.item)
                if row is not None:
                    answer.labels[row] = 1
                    self.counts["targets that were shown"] += 1
                    return None
            self.counts["targets that were not among the items shown"] += 1
            return None
        return self._among_candidates(event, now)

    def _among_candidates(self, event: ShopEvent, now: int) -> Group | None:
        self._as_of.popular(now)  # for the hour: the same ones, whichever targets are drawn
        if self._share < 1 and not _drawn(event, now, self._share):
            self.counts["targets that were not drawn"] += 1
            return None
        recent = self._state.recent(event.user, now)
        candidates = self._as_of.candidates(recent, now)
        labels = np.array([one.item == event.item for one in candidates], dtype=np.uint8)
        if not labels.any():
            self.counts["targets that were not among the candidates"] += 1
            return None
        self.counts["groups of candidates"] += 1
        values = self.values(candidates, event.user, now, now)
        items = [candidate.item for candidate in candidates]
        return Group(event.user, now, now, False, items, values, labels)

    def values(
        self, candidates: Sequence[Candidate], user: str, known: int, now: int
    ) -> NDArray[np.float32]:
        """Of the features, from what was known at `known`, as of `now`; both in ms."""
        recent = self._state.recent(user, known)
        items = dict.fromkeys([one.item for one in candidates] + [event.item for event in recent])
        facts = self._state.facts(items)
        return feature_values(self._features, candidates, recent, facts, now)


def _drawn(event: ShopEvent, known: int, share: float) -> bool:
    """Whether an event is among a share of all: the same ones for any order of the log."""
    key = f"{event.user}\0{event.item}\0{event.event}\0{known}".encode()
    return int.from_bytes(blake2b(key, digest_size=7).digest()) < share * (1 << 56)


def leading_events(lines: Iterable[Line], targets: Sequence[str]) -> set[Leading]:
    """The last view of an item before each target of it, of the same half hour."""
    viewed: dict[tuple[str, str], int] = {}
    found = set()
    for line in lines:
        if line.row["message"] != "event":
            continue
        event = parse_shop_event(line.row)
        pair = event.user, event.item
        if event.event == "view":
            viewed[pair] = line.known
        elif event.event in targets and line.known - viewed.get(pair, -_LEADS_MS - 1) <= _LEADS_MS:
            found.add((*pair, viewed[pair]))
    return found
