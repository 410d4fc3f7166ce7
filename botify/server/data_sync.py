"""Keeps Redis running, and its lists and the models up to date with the config's files."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botify.config import ListFile
from botify.errors import InputError
from botify.event_log.publications import Publications
from botify.files.filestamp import Stamp
from botify.files.reading import as_input_errors
from botify.files.watched import WatchedFile
from botify.lists.loader import NoRoomError, load_list
from botify.lists.reader import ListKind
from botify.server.config_sync import ConfigSync
from botify.server.sync_thread import StoppedError, SyncThread
from botify.session_model.repository import FileRepository
from botify.store.client import StoreError, connect, script_text, store_errors
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.keys import MUSIC_KEYS, Keys

if TYPE_CHECKING:
    import redis

RETRY_FULL_SECONDS = 30.0
"""After which a list is tried again that Redis had no room for: each try drops sessions there."""

_FIRST_SECONDS = 2.0

_log = logging.getLogger("botify.server.data_sync")


class SyncJob(Protocol):
    """What else a face keeps in Redis."""

    def round(self, client: "redis.Redis", pause: Callable[[int], None]) -> None:
        """Bring it up to date. `pause` must be called now and then during long work, with the
        number of things done since; what it raises ends the round. Raises StoreError."""


class _LaterError(Exception):
    """The start does not wait any longer."""


def first_rounds(jobs: Sequence[SyncJob], client: "redis.Redis") -> None:
    """Before the first request: what takes a moment is done then, and DataSync does the rest.

    Raises StoreError.
    """
    until = time.monotonic() + _FIRST_SECONDS

    def pause(_: int) -> None:
        if time.monotonic() > until:
            raise _LaterError

    for job in jobs:
        with suppress(_LaterError):
            job.round(client, pause)


class WatchedModels(NamedTuple):
    """Models, or rankers, to keep up to date with their files."""

    repository: FileRepository
    files: Mapping[str, Path]
    """By name."""
    put: Callable[[str, Path, float], str]
    """`put(name, file, min_kept)` puts a file into service and returns its version. Raises
    InputError if it is refused."""
    what: str = "model"
    """In words."""


class FileRules(NamedTuple):
    """When a file is read."""

    watch: bool
    """Whether changed files are loaded; missing lists always are."""
    settle: float = 5.0
    """Seconds for which a file must not change before it is read."""
    min_kept: float = 0.0
    """Share of the users (or tracks) in service that a changed file must have as well."""


class DataSync(SyncThread):
    """Redis, its lists, and models.

    Restarts an embedded Valkey that died. Loads a configured list that is missing in Redis, which
    may have been restarted or flushed. With `rules.watch`, loads the lists and models of changed
    files. A file that is refused, or is gone, is logged, and its list or model stays in service;
    the reason is in REFUSALS, for `/health`, until a load succeeds. No error ends the thread, and
    no file keeps others from being loaded; if Redis is unavailable, the next round tries again.
    """

    work = "Redis or the loading of lists"

    def __init__(
        self,
        redis_url: str,
        files: Mapping[str, ListFile],
        kinds: Mapping[str, ListKind],
        n_tracks: int,
        rules: FileRules,
        *,
        embedded: EmbeddedValkey | None = None,
        models: WatchedModels | None = None,
        publications: Publications | None = None,
        keys: Keys = MUSIC_KEYS,
        config: ConfigSync | None = None,
    ) -> None:
        """`files` and `kinds` by list name. `embedded`: the server at `redis_url`, if it is ours.

        `publications` records all that is put into service, also by other processes. `keys`: of
        the service's face. `config` is kept up to date too, also without Redis.
        """
        super().__init__()
        self._keys = keys
        self._publications = publications
        self._config = config
        self.jobs: Sequence[SyncJob] = ()
        """What else is kept up to date, after the lists; set it before `start`."""
        self._retry_at: dict[str, float] = {}  # lists that Redis had no room for
        self._client = connect(redis_url)
        self._files = files
        self._kinds = kinds
        self._n_tracks = n_tracks
        self._rules = rules
        self._embedded = embedded
        self._watched = {name: WatchedFile(of.file, rules.settle) for name, of in files.items()}
        self._models = models
        self._models_watched = {}
        if models is not None:
            self._models_watched = {
                name: WatchedFile(file, rules.settle, handled=models.repository.stamp(name))
                for name, file in models.files.items()
            }

    def stop(self) -> None:
        """End the thread, if need be during a load.

        Stop the workers first: a Valkey that this thread restarted ends with it.
        """
        super().stop()
        self._client.close()

    def _round(self) -> None:
        if self._config is not None:
            self._config.round()
        if self._embedded is not None and not self._embedded.alive():
            self._embedded.restart()
            _log.error("the embedded Valkey had died; it was started again, empty")
        if self._models is not None and self._rules.watch:
            self._sync_models(self._models)
        missing = self._missing()
        self._record_lists()
        failure = None
        for name, watched in self._watched.items():
            try:
                self._sync_list(name, watched, missing.get(name))
            except StoreError as error:
                if error.kind != "refused":
                    raise
                failure = error  # of this list: Redis answers, and may have room for others
        for job in self.jobs:
            job.round(self._client, self._between_batches)
        if failure is not None:
            raise failure

    def _sync_list(self, name: str, watched: WatchedFile, missing: str | None) -> None:
        """`missing`: the version recorded for the list, if the list itself is not in Redis."""
        stamp, settled = watched.poll()
        tried = stamp == watched.handled and time.monotonic() < self._retry_at.get(name, math.inf)
        if missing is not None:
            if watched.refusal and tried:
                self._publish(name, watched.refusal)  # again: Redis may have been restarted
            elif settled:
                self._load(name, watched, stamp, replacing=missing)
        elif not self._rules.watch or not settled:
            return
        elif stamp is None:
            if watched.note_absence():
                _log.error("list %s: %s; it stays in service", name, watched.refusal)
                self._publish(name, watched.refusal)
        elif not tried:
            self._load(name, watched, stamp)

    def _sync_models(self, models: WatchedModels) -> None:
        for name, watched in self._models_watched.items():
            stamp, settled = watched.poll()
            if stamp is None and settled:
                if watched.note_absence():
                    _log.error(
                        "%s %s: %s; it stays in service", models.what, name, watched.refusal
                    )
            elif settled and stamp != watched.handled:
                try:
                    with as_input_errors(watched.file):
                        version = models.put(name, watched.file, self._rules.min_kept)
                    watched.refusal = ""
                    _log.info("%s %s: version %s is in service", models.what, name, version)
                    self._record(name, version)
                    with store_errors():
                        self._client.hdel(self._keys.refusals, name)
                except InputError as error:
                    watched.refusal = str(error)
                    _log.error("%s %s: its file is refused: %s", models.what, name, error)
                watched.handled = stamp
            if watched.refusal:
                self._publish(name, watched.refusal)  # again: Redis may have been restarted

    def _missing(self) -> dict[str, str]:
        """Lists that are not in Redis, with the versions recorded for them. Raises StoreError."""
        with store_errors():
            found: Any = self._client.eval(
                script_text("missing_lists"), 1, self._keys.lists, *self._files
            )
        texts = [text.decode() for text in found]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def _load(
        self, name: str, watched: WatchedFile, stamp: Stamp | None, replacing: str | None = None
    ) -> None:
        spec, kind = self._files[name], self._kinds[name]
        try:
            loaded = load_list(
                self._client,
                name,
                spec,
                kind,
                self._n_tracks,
                progress=self._between_batches,
                replacing=replacing,
                min_kept=self._rules.min_kept if replacing is None else 0.0,
                keys=self._keys,
            )
            if watched.refusal and loaded.replaced == loaded.version:
                _log.info("list %s: its file is as served, version %s", name, loaded.version)
            watched.refusal = ""
            self._retry_at.pop(name, None)
            with store_errors():
                self._client.hset(self._keys.configured, name, loaded.version)
            if loaded.replaced != loaded.version:
                self._record(name, loaded.version)
                if kind is ListKind.ITEMS:
                    self._retry_refused()
                _log.info(
                    "list %s: version %s is in service, %d lists; %d owners lost theirs",
                    name,
                    loaded.version,
                    loaded.size,
                    loaded.lost,
                )
        except (StoreError, StoppedError):
            raise
        except Exception as error:  # whatever it is: other lists must be loaded
            watched.refusal = str(error) if isinstance(error, InputError) else repr(error)
            _log.error("list %s: its file is refused: %s", name, error)
            if isinstance(error, NoRoomError):
                self._retry_at[name] = time.monotonic() + RETRY_FULL_SECONDS
            self._publish(name, watched.refusal)
        watched.handled = stamp

    def _retry_refused(self) -> None:
        """Read refused files again: what they lacked may be among the new items."""
        for watched in self._watched.values():
            if watched.refusal:
                watched.handled = None

    def _between_batches(self, count: int) -> None:
        """Between two batches of a load: stop if `stop` was called, and let other threads fork."""
        if self._stop.is_set():
            raise StoppedError
        self._fork_lock.release()
        self._fork_lock.acquire()

    def _record_lists(self) -> None:
        """Record all versions: `lists load` or another service may have loaded some."""
        if self._publications is None:
            return
        with store_errors():
            versions: Any = self._client.hmget(self._keys.lists, list(self._files))
        for name, version in zip(self._files, versions, strict=True):
            if version:
                self._record(name, version.decode())

    def _record(self, name: str, version: str) -> None:
        if self._publications is not None:
            self._publications.observe(name, version)

    def _publish(self, name: str, refusal: str) -> None:
        with store_errors():
            self._client.hset(self._keys.refusals, name, refusal)
