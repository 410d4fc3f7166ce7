"""The use case behind `/reco` and `/recs`: choose a recommender, rank items, log the answer."""

import time
from collections.abc import Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from botify.config import RatingsConfig
from botify.errors import InputError
from botify.event_log.writer import EventLog
from botify.factors import Ranked, Snapshot, SourceError, UserFactors
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.ratings.fold_in import fold_in
from botify.ratings.recommenders import RatingRecommender
from botify.ratings.request import RatingRequest

POPULAR = "popular"
"""The recommender of users that the model does not know, in the log."""
NOTHING_LEFT = "this user has rated every item: there is nothing left to recommend"
"""What an answer without items says."""
FALLBACK = "fallback"
"""That of all while the store of users is unavailable."""
_DECIMALS = 4
"""Of ratings in answers: their errors are a thousand times larger."""
_NOTHING_RATED = np.array([], dtype=np.int64)


class UnavailableError(RuntimeError):
    """No version of the publication was ever read."""


class Answer(NamedTuple):
    """What a user gets, and why."""

    request: RatingRequest
    snapshot: Snapshot
    numbers: list[int]
    """Of the items in the snapshot, best first."""
    ratings: list[float]
    recommender: str
    """Which one really answered."""
    user: UserFactors | None
    """With what the request brought along; None: not known, or not to be had."""
    cold: bool
    unknown_items: list[str]
    """Items rated in the request that the publication does not have."""

    @property
    def items(self) -> list[str]:
        """The ids."""
        return [self.snapshot.items[number].item for number in self.numbers]

    def body(self) -> dict[str, Any]:
        """As JSON has it."""
        items = [self.snapshot.items[number] for number in self.numbers]
        body: dict[str, Any] = {
            "labels": [item.title or item.item for item in items],
            "ratings": self.ratings,
            "items": [item.item for item in items],
            "user": self.request.user,
            "model_version": self.snapshot.version,
        }
        if self.cold:
            body["cold"] = True
        if self.recommender == FALLBACK:
            body["fallback"] = True
        if self.unknown_items:
            body["unknown_items"] = self.unknown_items
        if not self.numbers:
            body["message"] = NOTHING_LEFT
        return body


class RatingsService:
    """Answers of one worker."""

    def __init__(
        self,
        routing: LiveRouting[RatingsConfig, RatingRecommender],
        log: EventLog,
        metrics: Metrics,
        failures: RecommenderFailures,
    ) -> None:
        """`routing` has the recommender of each user."""
        self._routing = routing
        self._log = log
        self._metrics = metrics
        self._failures = failures

    def recommend(
        self, request: RatingRequest, forced: Mapping[str, str], started: float, route: str
    ) -> Answer:
        """The answer to a request to `route`. `started`: perf_counter() when it came in.

        `forced`: treatments that the request asks for; they replace the assigned ones.
        Raises InputError for ratings that the scale does not have, and UnavailableError.
        """
        routing = self._routing.current
        treatments = routing.experiments.assign(request.user)
        recommender = routing.recommender(treatments, forced)
        answer = self._answer(recommender, request)
        seconds = perf_counter() - started
        timestamp = time.time_ns() // 1_000_000
        answered = answer.recommender
        event: dict[str, object] = {
            "message": "reco",
            "timestamp": timestamp,
            "user": request.user,
            "items": answer.items,
            "ratings": answer.ratings,
            "n_recos": request.n,
            "route": route,
            "experiments": {} if forced else treatments,
            "recommender": answered,
            "cold": answer.cold,
            "folded_in": len(request.ratings),
            "model_version": answer.snapshot.version,
            "latency": seconds,
            "run": routing.run,
        }
        if forced:
            event["forced"] = forced
        self._log.write(event)
        self._metrics.observe_answer(route, answered, seconds, timestamp)
        self._metrics.count_treatments({} if forced else treatments, answered == FALLBACK)
        if answered != recommender.name:
            self._metrics.count_fallback(recommender.name, answered)
        if answer.cold:
            self._metrics.count_cold(route)
        return answer

    def _answer(self, recommender: RatingRecommender, request: RatingRequest) -> Answer:
        publication = recommender.publication
        snapshot = publication.current
        if snapshot is None:
            raise UnavailableError(f"no recommendations yet: {publication.refusal}")
        _check_user(snapshot, request.user)
        rated, unknown = _rated(snapshot, request)
        try:
            user = publication.user(snapshot, request.user)
        except SourceError:
            self._metrics.count_redis_failure("factors")
            found = snapshot.popular(request.n, rated)
            return _made(request, snapshot, found, FALLBACK, None, False, unknown)
        if rated:
            user = _with_ratings(snapshot, user, rated)
        if user is None:
            found = snapshot.popular(request.n)
            return _made(request, snapshot, found, POPULAR, None, True, unknown)
        name = recommender.name
        try:
            found = recommender.rank(snapshot, user, request.n)
        except (Exception, SystemExit) as error:  # of a plug-in: items are answered all the same
            self._failures.note(name, error)
            found, name = snapshot.popular(request.n, set(user.rated.tolist())), POPULAR
        return _made(request, snapshot, found, name, user, False, unknown)


def _made(
    request: RatingRequest,
    snapshot: Snapshot,
    found: Ranked,
    recommender: str,
    user: UserFactors | None,
    cold: bool,
    unknown: list[str],
) -> Answer:
    ratings = [round(rating, _DECIMALS) for rating in snapshot.shown(found.scores)]
    numbers = found.items.tolist()
    return Answer(request, snapshot, numbers, ratings, recommender, user, cold, unknown)


def _check_user(snapshot: Snapshot, user: str) -> None:
    """Raises InputError for a user who cannot be one of this data: a typing error would be
    answered as a new user is."""
    if snapshot.manifest.numbered and not (user.isascii() and user.isdigit()):
        raise InputError(f"the users of this data are whole numbers such as 40, not {user!r}")


def _rated(snapshot: Snapshot, request: RatingRequest) -> tuple[dict[int, float], list[str]]:
    """The request's ratings by the number of the item, and the items that have none."""
    found: dict[int, float] = {}
    unknown: list[str] = []
    if not request.ratings:
        return found, unknown
    if snapshot.prior is None or snapshot.manifest.scale is None:
        raise InputError(
            f"`ratings`: the model {snapshot.manifest.model!r} in service takes none: "
            "its scores are no ratings"
        )
    least, largest = snapshot.manifest.scale
    for item, rating in request.ratings.items():
        if not least <= rating <= largest:
            raise InputError(
                f"`ratings`: {rating:g} is outside the scale, {least:g} to {largest:g}"
            )
        number = snapshot.numbers.get(item)
        if number is None:
            unknown.append(item)
        else:
            found[number] = rating
    return found, unknown


def _with_ratings(
    snapshot: Snapshot, user: UserFactors | None, rated: Mapping[int, float]
) -> UserFactors:
    """A user by the ratings of the request, and by those that are stored where there are some."""
    together = dict(rated)
    if user is not None and user.ratings is not None:
        stored = zip(user.rated.tolist(), user.ratings.tolist(), strict=True)
        together = {**dict(stored), **rated}
    numbers = np.array(sorted(together), dtype=np.int64)
    ratings = np.array([together[number] for number in numbers.tolist()], dtype=np.float32)
    prior = snapshot.prior
    assert prior is not None  # of ratings that were let through
    vector = fold_in(prior, snapshot.vectors[numbers], ratings).vector
    seen = numbers if user is None else np.union1d(numbers, user.rated)
    return UserFactors(vector, seen, ratings, _NOTHING_RATED, np.array([], dtype=np.float32))
