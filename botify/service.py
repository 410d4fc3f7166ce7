"""What happens on `next` and `last`: the experiment decides who answers, the log remembers."""

import random
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Literal

from botify.event_log import EventLog
from botify.experiments import Experiment
from botify.plays import Play
from botify.recommenders import Recommender
from botify.store import Store


class Service:
    """The use cases behind the routes."""

    def __init__(
        self,
        experiments: Sequence[Experiment],
        recommenders: Mapping[str, Recommender],
        store: Store,
        log: EventLog,
        seed: int | None,
    ) -> None:
        """The first experiment decides whose recommender answers; all are logged.

        With a `seed`, the same requests of a user get the same answers, whichever worker handles
        them; None draws anew.
        """
        self._experiments = experiments
        self._recommenders = recommenders
        self._store = store
        self._log = log
        self._seed = seed
        self._rng = random.Random()

    def next(self, user: int, play: Play, started: float) -> int:
        """The track to play next. `started`: perf_counter() when the request came in.

        Raises StoreError, OSError where the log cannot be written.
        """
        treatments = self._assign(user)
        deciding = self._experiments[0]
        recommender = self._recommenders[deciding.recommenders[treatments[deciding.name]]]
        offer = self._store.next(
            user, play.track, recommender.plan(user, play.track), self._randomness()
        )
        self._log.write(
            {
                "message": "next",
                "timestamp": offer.timestamp,
                "user": user,
                "track": play.track,
                "time": play.time,
                "latency": perf_counter() - started,
                "recommendation": offer.track,
                "experiments": treatments,
                "session": offer.session,
                "recommender": offer.recommender,
                "rank": offer.rank,
                "propensity": offer.propensity,
                "model_version": offer.model_version,
            }
        )
        return offer.track

    def last(self, user: int, play: Play, started: float) -> None:
        """End the user's session. Arguments and errors as for `next`."""
        farewell = self._store.last(user)
        self._log.write(
            {
                "message": "last",
                "timestamp": farewell.timestamp,
                "user": user,
                "track": play.track,
                "time": play.time,
                "latency": perf_counter() - started,
                "recommendation": None,
                "experiments": self._assign(user),
                "session": farewell.session,
                "recommender": None,
                "rank": None,
                "propensity": None,
                "model_version": None,
            }
        )

    def _randomness(self) -> tuple[float, float] | tuple[Literal["seed"], int]:
        if self._seed is not None:
            return "seed", self._seed
        return self._rng.random(), self._rng.random()

    def _assign(self, user: int) -> dict[str, str]:
        return {experiment.name: experiment.assign(user) for experiment in self._experiments}
