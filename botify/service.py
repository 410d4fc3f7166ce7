"""What happens on `next` and `last`: the experiments decide who answers, the log remembers."""

import logging
import random
from collections.abc import Mapping
from time import monotonic, perf_counter

from botify.event_log.provenance import Origin
from botify.event_log.writer import EventLog
from botify.experiments import Experiments
from botify.observability.metrics import Metrics
from botify.plays import Play
from botify.recommenders import Recommender
from botify.store.circuit_breaker import Link
from botify.store.client import StoreError
from botify.store.fallback import FALLBACK, Fallback
from botify.store.sessions import Farewell, Offer, Randomness, Store

_TELL_EVERY = 1.0
"""Seconds between two lines about requests that Redis refused."""

_log = logging.getLogger("botify.service")


class Service:
    """The use cases behind the routes."""

    def __init__(
        self,
        experiments: Experiments,
        recommenders: Mapping[str, Recommender],
        default: str | None,
        store: Store,
        link: Link,
        fallback: Fallback,
        log: EventLog,
        metrics: Metrics,
        seed: int | None,
        origin: Origin,
    ) -> None:
        """`default` names the recommender of users for whom no experiment decides.

        With a `seed`, the same requests of a user get the same answers, whichever worker handles
        them; None draws anew. `origin` is logged with every event.
        """
        self._experiments = experiments
        self._recommenders = recommenders
        self._default = default
        self._store = store
        self._link = link
        self._fallback = fallback
        self._notes = fallback.notes
        self._log = log
        self._metrics = metrics
        self._seed = seed
        self._run = origin.run
        self._world_version = origin.world_version
        self._rng = random.Random()
        self._told = float("-inf")

    def next(self, user: int, play: Play, forced: Mapping[str, str], started: float) -> int:
        """The track to play next. `started`: perf_counter() when the request came in.

        `forced` are treatments that the request asks for, whatever the split says.
        """
        treatments = self._experiments.assign(user)
        decide = self._experiments.decide
        # What is forced decides before what was drawn, wherever its experiment stands.
        name = decide(forced) or decide({**treatments, **forced}) if forced else decide(treatments)
        recommender = self._recommenders[name or self._default or ""]
        offer = self._offer(user, play, recommender)
        seconds = perf_counter() - started
        if offer.session and offer.timestamp > self._fallback.newest:
            self._fallback.newest = offer.timestamp
        event: dict[str, object] = {
            "message": "next",
            "timestamp": offer.timestamp,
            "user": user,
            "track": play.track,
            "time": play.time,
            "latency": seconds,
            "recommendation": offer.track,
            "experiments": treatments,
            "session": offer.session,
            "recommender": offer.recommender,
            "rank": offer.rank,
            "propensity": offer.propensity,
            "model_version": offer.model_version,
            "world_version": self._world_version,
            "run": self._run,
        }
        if forced:
            _mark_forced(event, forced)
        self._log.write(event)
        self._metrics.answered("next", offer.recommender, seconds, offer.timestamp)
        self._metrics.treated({} if forced else treatments, offer.recommender == FALLBACK)
        if offer.recommender != recommender.name:
            self._metrics.fallback(recommender.name, offer.recommender)
        return offer.track

    def last(self, user: int, play: Play, forced: Mapping[str, str], started: float) -> None:
        """End the user's session. Arguments as for `next`."""
        farewell = self._farewell(user)
        seconds = perf_counter() - started
        if farewell.session and farewell.timestamp > self._fallback.newest:
            self._fallback.newest = farewell.timestamp
        event: dict[str, object] = {
            "message": "last",
            "timestamp": farewell.timestamp,
            "user": user,
            "track": play.track,
            "time": play.time,
            "latency": seconds,
            "recommendation": None,
            "experiments": self._experiments.assign(user),
            "session": farewell.session,
            "recommender": None,
            "rank": None,
            "propensity": None,
            "model_version": None,
            "world_version": self._world_version,
            "run": self._run,
        }
        if forced:
            _mark_forced(event, forced)
        self._log.write(event)
        self._metrics.answered("last", "", seconds, farewell.timestamp)

    def _offer(self, user: int, play: Play, recommender: Recommender) -> Offer:
        exclude = recommender.exclude + play.exclude
        link, keep_play, late = self._link, recommender.hears, False
        if link.up:
            try:
                if user in self._notes.owing:  # upkeep does so soon for all
                    self._notes.hand_over(self._store, user)
                offer = recommender.offer(self._store, user, play, self._randomness(), exclude)
                link.answered_at = monotonic()
                return offer
            except StoreError as error:
                self._lose(error)
                # Redis has it, and sooner or later runs what it was asked: it knows the play.
                late = error.kind == "timeout"
                keep_play = keep_play and not late
        offer = self._fallback.next(user, play, exclude, keep_play=keep_play)
        if late:
            for _, note in self._notes.owed(user):
                if note.ended is None:
                    self._store.note_behind(user, note.untold)
        return offer

    def _farewell(self, user: int) -> Farewell:
        if self._link.up:
            try:
                farewell = self._store.last(user)
                self._notes.forget(user)
                return farewell
            except StoreError as error:
                farewell = self._fallback.last(user)  # upkeep finds it when `_lose` wakes it
                self._lose(error)
                return farewell
        return self._fallback.last(user)

    def _lose(self, error: StoreError) -> None:
        self._metrics.redis_failure(error.kind)
        if error.kind == "timeout":
            self._link.late(str(error))
        elif error.kind == "connection":
            self._link.lost(str(error))
        else:
            # It answers, and perhaps only this request is wrong to it. Where it is not, upkeep,
            # which asks it the same, finds that out.
            if monotonic() - self._told > _TELL_EVERY:
                self._told = monotonic()
                _log.warning("Redis refused a request: %s", error)
            self._link.doubt()

    def _randomness(self) -> Randomness:
        if self._seed is not None:
            return "seed", self._seed
        return self._rng.random(), self._rng.random()


def _mark_forced(event: dict[str, object], forced: Mapping[str, str]) -> None:
    """What was forced was not drawn: no analysis of any experiment may count the line."""
    event["experiments"] = {}
    event["forced"] = forced
