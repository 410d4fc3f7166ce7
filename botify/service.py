"""The use cases `next` and `last`: choose a recommender, get its answer, log the event."""

import logging
import random
from collections.abc import Mapping
from time import monotonic, perf_counter

from botify.config import Config
from botify.live_routing import LiveRouting
from botify.plays import Play
from botify.recommenders import RANDOM_STEP, Recommender
from botify.store.client import StoreError
from botify.store.fallback import FALLBACK, Fallback
from botify.store.sessions import Decision, Randomness, SessionEnd, SessionStore
from botify.worker_context import WorkerContext

_LOG_INTERVAL = 1.0
"""Seconds between two lines about requests that Redis refused."""

_log = logging.getLogger("botify.service")


class Service:
    """The use cases behind the routes."""

    def __init__(
        self,
        worker: WorkerContext[SessionStore, Fallback],
        routing: LiveRouting[Config, Recommender],
        *,
        seed: int | None,
        world_version: str | None,
    ) -> None:
        """`routing` has the recommender of each user, `world_version` is logged with every event.

        With a `seed`, the same requests of a user get the same answers, whichever worker handles
        them; with None, draws are independent.
        """
        self._routing = routing
        self._store = worker.store
        self._breaker = worker.breaker
        self._fallback = worker.fallback
        self._outbox = worker.fallback.outbox
        self._log = worker.log
        self._metrics = worker.metrics
        self._failures = worker.failures
        self._seed = seed
        self._world_version = world_version
        self._rng = random.Random()
        self._logged_at = float("-inf")

    def next(self, user: int, play: Play, forced: Mapping[str, str], started: float) -> int:
        """The track to play next. `started`: perf_counter() when the request came in.

        `forced`: treatments that the request asks for; they replace the assigned ones.
        """
        routing = self._routing.current
        treatments = routing.experiments.assign(user)
        recommender = routing.recommender(treatments, forced)
        decision = self._decide(user, play, recommender)
        seconds = perf_counter() - started
        if decision.session and decision.timestamp > self._fallback.latest_redis_ms:
            self._fallback.latest_redis_ms = decision.timestamp
        event: dict[str, object] = {
            "message": "next",
            "timestamp": decision.timestamp,
            "user": user,
            "track": play.track,
            "time": play.time,
            "latency": seconds,
            "recommendation": decision.track,
            "experiments": treatments,
            "session": decision.session,
            "recommender": decision.recommender,
            "rank": decision.rank,
            "propensity": decision.propensity,
            "model_version": decision.model_version,
            "world_version": self._world_version,
            "run": routing.run,
        }
        if forced:
            _mark_forced(event, forced)
        self._log.write(event)
        self._metrics.observe_answer("next", decision.recommender, seconds, decision.timestamp)
        self._metrics.count_treatments(
            {} if forced else treatments, decision.recommender == FALLBACK
        )
        if decision.recommender != recommender.name:
            self._metrics.count_fallback(recommender.name, decision.recommender)
        return decision.track

    def last(self, user: int, play: Play, forced: Mapping[str, str], started: float) -> None:
        """End the user's session. Arguments as for `next`."""
        routing = self._routing.current
        end = self._end_session(user)
        seconds = perf_counter() - started
        if end.session and end.timestamp > self._fallback.latest_redis_ms:
            self._fallback.latest_redis_ms = end.timestamp
        event: dict[str, object] = {
            "message": "last",
            "timestamp": end.timestamp,
            "user": user,
            "track": play.track,
            "time": play.time,
            "latency": seconds,
            "recommendation": None,
            "experiments": routing.experiments.assign(user),
            "session": end.session,
            "recommender": None,
            "rank": None,
            "propensity": None,
            "model_version": None,
            "world_version": self._world_version,
            "run": routing.run,
        }
        if forced:
            _mark_forced(event, forced)
        self._log.write(event)
        self._metrics.observe_answer("last", "", seconds, end.timestamp)

    def _decide(self, user: int, play: Play, recommender: Recommender) -> Decision:
        exclude = recommender.exclude + play.exclude
        breaker, keep_play, late = self._breaker, recommender.needs_plays, False
        if breaker.up:
            try:
                if user in self._outbox.pending_users:  # the monitor does so soon for all
                    self._outbox.flush(self._store, user)
                decision = self._recommend(recommender, user, play, exclude)
                breaker.answered_at = monotonic()
                return decision
            except StoreError as error:
                self._redis_failed(error)
                # Redis has the command and will run it some time: it gets the play.
                late = error.kind == "timeout"
                keep_play = keep_play and not late
        decision = self._fallback.next(user, play, exclude, keep_play=keep_play)
        if late:
            for _, update in self._outbox.pending(user):
                if update.ended is None:
                    self._store.queue_fallback(user, update.unsent)
        return decision

    def _recommend(
        self, recommender: Recommender, user: int, play: Play, exclude: bytes
    ) -> Decision:
        randomness = self._randomness()
        try:
            return recommender.recommend(self._store, user, play, randomness, exclude)
        except StoreError:
            raise
        except (Exception, SystemExit) as error:  # of a plug-in: a track is answered all the same
            self._failures.note(recommender.name, error)
            return self._store.next(user, play.track, (RANDOM_STEP,), randomness, exclude)

    def _end_session(self, user: int) -> SessionEnd:
        if self._breaker.up:
            try:
                end = self._store.last(user)
                self._outbox.discard(user)
                return end
            except StoreError as error:
                # In the outbox first: `_redis_failed` wakes the monitor, which flushes that.
                end = self._fallback.last(user)
                self._redis_failed(error)
                return end
        return self._fallback.last(user)

    def _redis_failed(self, error: StoreError) -> None:
        self._metrics.count_redis_failure(error.kind)
        if error.kind == "timeout":
            self._breaker.report_timeout(str(error))
        elif error.kind == "connection":
            self._breaker.trip(str(error))
        else:
            # Redis answers, and may have refused only this request. If it refuses others as
            # well, the monitor's probe will detect it.
            if monotonic() - self._logged_at > _LOG_INTERVAL:
                self._logged_at = monotonic()
                _log.warning("Redis refused a request: %s", error)
            self._breaker.recheck()

    def _randomness(self) -> Randomness:
        if self._seed is not None:
            return "seed", self._seed
        return self._rng.random(), self._rng.random()


def _mark_forced(event: dict[str, object], forced: Mapping[str, str]) -> None:
    """Forced treatments were not assigned at random: no analysis may count the event."""
    event["experiments"] = {}
    event["forced"] = forced
