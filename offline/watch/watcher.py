"""Follows a log: reads new lines every few seconds and updates the state."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from offline.engine.interrupts import is_interrupt
from offline.engine.progress import Report
from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.checks.log_checks import Check
from offline.experiment.stats.effects import ALPHA
from offline.watch.batch import HOLD_MS, Question, read_batch
from offline.watch.live_metrics import correction
from offline.watch.ratio import LiveRatio, live_ratio
from offline.watch.state import State, aggregates_of, checks_of, is_comparable
from offline.watch.tail import News, Tail
from offline.watch.telling import (
    Json,
    Silence,
    missing_fields,
    ratio_check,
    told_checks,
    told_log,
    told_metric,
    told_treatments,
)

SCHEMA = 1
"""Version of the results; incremented by changes that readers must be told of."""
_REREAD_S, _REREAD_TIMES = 60.0, 20.0
"""Seconds until the whole log may be read again, and the same as a multiple of the duration of
the last reading."""


@dataclass(frozen=True)
class Watched:
    """Which experiment is followed, and how."""

    paths: Sequence[str]
    question: Question
    weights: Mapping[str, float] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """Of treatments, for people."""
    every: float = 5.0
    """Seconds between two looks."""
    alpha: float = ALPHA
    """Chance that an interval misses the effect at any look."""


class _Log:
    """A log as far as it was read."""

    def __init__(self, watched: Watched) -> None:
        self.tail = Tail(watched.paths)
        self.state = State(watched.question.metrics)
        self.news = News()
        self._question = watched.question
        self._held: pa.Table | None = None

    def read(
        self, scratch: Path, first: bool = False, copy: bool = False, report: Report | None = None
    ) -> bool:
        """Read new events; False if a file changed meanwhile, so that some may be missing."""
        self.news = news = self.tail.poll(scratch, copy)
        quiet = time.time() - news.written > 2 * HOLD_MS / 1000
        if news.files or (self._held is not None and self._held.num_rows):
            batch = read_batch(
                news.files,
                scratch,
                self._question,
                self.state.users,
                self._held,
                self.state.sizes,
                self.state.span,
                self.state.skipped.lines,
                hold=not quiet if first else bool(news.files),
                report=report,
            )
            self._held = batch.held
            self.state.add(batch)
        return news.holds()


class Watcher:
    """Reads a log once, then its new events; not thread-safe."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._log = _Log(watched)
        self._broken: str | None = None
        """Why the last look failed, in which case new events may be missing."""
        self._read_at = 0.0
        self._read_seconds = 0.0
        self._look_seconds = 0.0

    @property
    def state(self) -> State:
        """The state after all events read so far."""
        return self._log.state

    @property
    def news(self) -> News:
        """What the last look at the files found."""
        return self._log.news

    def read_all(self, report: Report | None = None) -> None:
        """Read the whole log, as if nothing of it had been read before.

        `report` is called with the share read. Raises InputError if a path does not exist, a file
        is no log or cannot be read, or the log has timestamps in several units; the state is then
        unchanged.
        """
        started = time.monotonic()
        self._read_at = started
        for copy in (False, True):  # a log that is written to meanwhile is read from a copy
            log = _Log(self._watched)
            with tempfile.TemporaryDirectory(prefix="botify-watch-") as scratch:
                if log.read(Path(scratch), first=True, copy=copy, report=report):
                    break
        self._log = log
        self._broken = None
        self._read_at = time.monotonic()
        self._read_seconds = self._read_at - started

    def look(self) -> None:
        """Read new events, or everything if necessary; failures are reported in the state."""
        started = time.monotonic()
        try:
            if self._doubtful() and self._may_read_all():
                self.read_all()
            elif self._broken is None:
                with tempfile.TemporaryDirectory(prefix="botify-watch-") as scratch:
                    if not self._log.read(Path(scratch)):
                        self.state.doubts["files that changed while they were read"] += 1
        except (InputError, OSError, duckdb.Error) as error:
            if is_interrupt(error):
                raise
            self._broken = " ".join(str(error).split())
            self._read_at = time.monotonic()
        self._look_seconds = time.monotonic() - started

    def told(self, now: float | None = None) -> Json:
        """The object of docs/how-to/follow-an-experiment.md; `now` in s since the epoch."""
        now = time.time() if now is None else now
        watched, state = self._watched, self.state
        silence = Silence.of(state, self.news.written, now, watched.every)
        declared = None if watched.weights is None else list(watched.weights)
        aggregates = aggregates_of(state, watched.question.experiment, self.news.paths, declared)
        ratio = _ratio(aggregates, watched.weights)
        checks = checks_of(aggregates)
        stops: list[Check] = [*checks] if ratio is None else [ratio_check(ratio), *checks]
        primaries = watched.question.metrics.primaries
        metrics = [told_metric(metric, watched.alpha) for metric in primaries]
        return {
            "schema": SCHEMA,
            "experiment": watched.question.experiment,
            "run": watched.question.run,
            "phase": "watching" if is_comparable(aggregates) else "waiting",
            "problem": self._broken,
            "told_at": round(now * 1000),
            "every": watched.every,
            "metric": metrics[0],
            "metrics": metrics,
            "correction": correction(primaries, len(aggregates.arms[1:]) or 1, watched.alpha),
            "period": state.timeline.period,
            "log": told_log(state, silence, len(self.news.paths), now),
            "treatments": told_treatments(
                state, aggregates, stops, watched.names, silence.stopped, watched.alpha
            ),
            "health": told_checks(checks, ratio),
            "notes": self._notes(aggregates),
            "cost": {
                "first_reading": round(self._read_seconds, 3),
                "last_look": round(self._look_seconds, 3),
            },
        }

    def _doubtful(self) -> bool:
        return self._broken is not None or bool(self.state.doubts.total())

    def _may_read_all(self) -> bool:
        since = time.monotonic() - self._read_at
        return since > max(_REREAD_S, _REREAD_TIMES * self._read_seconds)

    def _notes(self, aggregates: Aggregates) -> list[str]:
        state, question = self.state, self._watched.question
        notes = [*self.news.notes, *state.notes, *state.of_times]
        if not is_comparable(aggregates):
            there = ", ".join(arm.treatment for arm in aggregates.arms) or "no line"
            others = ", ".join(sorted(state.known)) or "none"
            notes.append(
                f"experiment {question.experiment} has {there} so far; a comparison needs the "
                f"control C and at least one other treatment (experiments in the log: {others})"
            )
        notes += missing_fields(question.metrics.primaries, state)
        for what, count in state.doubts.items():
            if count:
                notes.append(f"{count:,} {what}: the whole log will be read anew, which tells")
        return notes


def _ratio(aggregates: Aggregates, weights: Mapping[str, float] | None) -> LiveRatio | None:
    """None where there are no users, or treatments that no weight is for."""
    users = {arm.treatment: arm.users for arm in aggregates.arms}
    if not any(users.values()) or len(users) < 2:
        return None
    return live_ratio(users, weights)
