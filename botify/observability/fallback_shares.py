"""How many answers came from the fallback, by treatment: since the start, and lately."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import NamedTuple

LATELY = 300
"""Seconds."""
_STEP = 10.0
"""Seconds after which what is too long ago is left out."""
_ENOUGH = 100
"""Answers below which a share says nothing."""

Treatment = tuple[str, str]
"""Names of an experiment and of one of its treatments."""
ALL: Treatment = ("", "")
"""Stands for all answers together."""


class Share(NamedTuple):
    """Answers of a treatment, and how many of them were the fallback's."""

    experiment: str
    """Empty, as `treatment`, for all answers together."""
    treatment: str
    answers: int
    fallbacks: int

    @property
    def share(self) -> float:
        """Part of the answers, 0 to 1."""
        return self.fallbacks / self.answers if self.answers else 0.0


class Shares:
    """Counts the answers of one process; for any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._lock = Lock()
        # By assignments, the few combinations of which are split up where they are read.
        self._answers: Counter[tuple[Treatment, ...]] = Counter()
        self._fallbacks: Counter[tuple[Treatment, ...]] = Counter()
        self._past: deque[tuple[float, dict[Treatment, Share]]] = deque([(clock(), {})])

    def count(self, treatments: Mapping[str, str], fallback: bool) -> None:
        """An answer to a user with these treatments, by experiment."""
        key = tuple(treatments.items())
        with self._lock:
            self._answers[key] += 1
            if fallback:
                self._fallbacks[key] += 1

    def total(self) -> dict[Treatment, Share]:
        """Since the start; treatments without an answer are left out."""
        with self._lock:
            answers, fallbacks = Counter(self._answers), Counter(self._fallbacks)
        of_all, of_fallback = _split(answers), _split(fallbacks)
        return {pair: Share(*pair, n, of_fallback[pair]) for pair, n in of_all.items()}

    def lately(self) -> dict[Treatment, Share]:
        """Of the last five minutes; call it often, from one thread at a time."""
        now, total = self._clock(), self.total()
        if now - self._past[-1][0] >= _STEP:
            self._past.append((now, total))
        while len(self._past) > 1 and now - self._past[1][0] >= LATELY:
            self._past.popleft()
        before = self._past[0][1]
        return {
            pair: each._replace(
                answers=each.answers - before[pair].answers,
                fallbacks=each.fallbacks - before[pair].fallbacks,
            )
            if pair in before
            else each
            for pair, each in total.items()
        }


def above(shares: Iterable[Share], limit: float) -> Iterator[Share]:
    """Those with more than this share of fallbacks; of a few answers no share is told."""
    return (each for each in shares if each.answers >= _ENOUGH and each.share > limit)


def _split(counts: Counter[tuple[Treatment, ...]]) -> Counter[Treatment]:
    found: Counter[Treatment] = Counter()
    for key, n in counts.items():
        for pair in (ALL, *key):
            found[pair] += n
    return found
