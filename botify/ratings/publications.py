"""The publications that a worker reads, each followed to its active version."""

import logging
from threading import Event
from time import monotonic

from botify.config import RatingRecommenderConfig, RatingsConfig
from botify.factors import FactorReader, Snapshot, SourceError, UserFactors, open_reader
from botify.store.circuit_breaker import CircuitBreaker

STORE = "the store of factors"
"""What requests need, in words."""
_NOBODY = "\0"
"""No user's id."""

_log = logging.getLogger("botify.ratings")


class LivePublication:
    """One publication in one worker: `refresh` is for its monitor, the rest for requests."""

    def __init__(self, reader: FactorReader, timeout: float) -> None:
        """`timeout`: seconds that requests wait for a store."""
        self._reader = reader
        self.breaker = CircuitBreaker(timeout, what=STORE)
        """Whether requests may ask for users."""
        self.refusal = ""
        """Why the active version is not the one in service; empty if it is."""

    @property
    def current(self) -> Snapshot | None:
        """The version in service; each request reads this once. None before the first one."""
        return self._reader.current

    def refresh(self) -> None:
        """Put the active version into service, if it is another; tells how that went."""
        before = self.current
        try:
            self._reader.refresh()
        except SourceError as error:
            self.refusal = str(error)
            if before is None:
                return  # no request is answered before the first version
            if no_users := self._no_users(before):
                self.breaker.trip(no_users)
                return
        else:
            self.refusal = ""
        self.breaker.probe_succeeded()
        if (now := self.current) is not None and before is not None and now is not before:
            _log.info("version %s is in service, before it %s", now.version, before.version)

    def _no_users(self, snapshot: Snapshot) -> str:
        """Why requests cannot go on with the items that are held; empty if they can: the users'
        store answers."""
        try:
            self._reader.user(snapshot, _NOBODY)
        except SourceError as error:
            return str(error)
        return ""

    def user(self, snapshot: Snapshot, user: str) -> UserFactors | None:
        """A user of a version; None for one that it does not know. Raises SourceError."""
        if not self.breaker.up:
            raise SourceError(self.breaker.reason)
        try:
            found = self._reader.user(snapshot, user)
        except SourceError as error:
            self.breaker.report_timeout(str(error))
            raise
        self.breaker.answered_at = monotonic()
        return found

    def close(self) -> None:
        """End all connections."""
        self._reader.close()


class Publications:
    """All that a config's recommenders name; recommenders with the same stores share one."""

    def __init__(self, config: RatingsConfig) -> None:
        """Of the config at the start; nothing is opened yet."""
        self._config = config
        self._by_stores: dict[tuple[str, str], LivePublication] = {}
        self.wake = Event()
        """Set when a store failed and should be looked at now."""

    def of(self, entry: RatingRecommenderConfig) -> LivePublication:
        """The one that an entry of `recommenders` names, opened and read if it is new.

        Raises InputError for a URL that cannot be used; a store that does not answer is tried
        again by `refresh`.
        """
        users, items = (self._config.store_url(url) for url in entry.sides)
        found = self._by_stores.get((users, items))
        if found is None:
            timeout = self._config.store_timeout
            found = LivePublication(open_reader(users, items, timeout), timeout)
            found.breaker.wake = self.wake
            found.refresh()
            self._by_stores[users, items] = found
        return found

    def refresh(self) -> None:
        """Look at the active version of each."""
        for publication in list(self._by_stores.values()):
            publication.refresh()

    def scale(self) -> tuple[float, float] | None:
        """The ratings that all of them take; None where one takes none."""
        held = [each.current for each in self._by_stores.values()]
        scales = [each.manifest.scale for each in held if each is not None]
        known = [scale for scale in scales if scale is not None]
        if not known or len(known) < len(scales):
            return None
        return max(least for least, _ in known), min(largest for _, largest in known)

    def numbered(self) -> bool:
        """Whether users of each of them are whole numbers: others are refused."""
        held = [each.current for each in self._by_stores.values()]
        return bool(held) and all(each is not None and each.manifest.numbered for each in held)

    def close(self) -> None:
        """End all connections."""
        for publication in self._by_stores.values():
            publication.close()
