"""The fallback's share of the answers, by treatment: since the start, and recently."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import NamedTuple

WINDOW_SECONDS = 300
"""Seconds."""
_STEP = 10.0
"""Resolution of the window, in seconds."""
_MIN_ANSWERS = 100
"""With fewer answers, a share is not reported."""

Treatment = tuple[str, str]
"""Names of an experiment and of one of its treatments."""
ALL: Treatment = ("", "")
"""All answers together."""


class FallbackShare(NamedTuple):
    """Number of answers of a treatment, and of those from the fallback."""

    experiment: str
    """Empty, like `treatment`, for all answers together."""
    treatment: str
    answers: int
    fallbacks: int

    @property
    def share(self) -> float:
        """Part of the answers, 0 to 1."""
        return self.fallbacks / self.answers if self.answers else 0.0


class FallbackShares:
    """Counts the answers of one process. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._lock = Lock()
        # By combination of treatments; the few that occur are split up when they are read.
        self._answers: Counter[tuple[Treatment, ...]] = Counter()
        self._fallbacks: Counter[tuple[Treatment, ...]] = Counter()
        self._past: deque[tuple[float, dict[Treatment, FallbackShare]]] = deque([(clock(), {})])

    def count(self, treatments: Mapping[str, str], fallback: bool) -> None:
        """An answer to a user with these treatments, by experiment."""
        key = tuple(treatments.items())
        with self._lock:
            self._answers[key] += 1
            if fallback:
                self._fallbacks[key] += 1

    def total(self) -> dict[Treatment, FallbackShare]:
        """Since the start; treatments without an answer are left out."""
        with self._lock:
            answers, fallbacks = Counter(self._answers), Counter(self._fallbacks)
        of_all, of_fallback = _split(answers), _split(fallbacks)
        return {pair: FallbackShare(*pair, n, of_fallback[pair]) for pair, n in of_all.items()}

    def recent(self) -> dict[Treatment, FallbackShare]:
        """In the last five minutes; to be called often, from one thread at a time."""
        now, total = self._clock(), self.total()
        if now - self._past[-1][0] >= _STEP:
            self._past.append((now, total))
        while len(self._past) > 1 and now - self._past[1][0] >= WINDOW_SECONDS:
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


def exceeding(shares: Iterable[FallbackShare], limit: float) -> Iterator[FallbackShare]:
    """Those with a share above `limit`, among those with enough answers."""
    return (each for each in shares if each.answers >= _MIN_ANSWERS and each.share > limit)


def _split(counts: Counter[tuple[Treatment, ...]]) -> Counter[Treatment]:
    found: Counter[Treatment] = Counter()
    for key, n in counts.items():
        for pair in (ALL, *key):
            found[pair] += n
    return found
