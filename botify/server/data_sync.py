"""Keeps Redis as the config wants it: running where it is ours, with all lists in service."""

import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from botify.config import ListFile
from botify.errors import InputError
from botify.event_log.publications import Publications
from botify.files.filestamp import Stamp
from botify.files.reading import refusing
from botify.files.watched import Watched
from botify.lists.loader import CONFIGURED, REFUSED, NoRoomError, load_list
from botify.lists.reader import ListKind
from botify.session_model.repository import Shelf
from botify.store.client import StoreError, connect, script, store_errors
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.sessions import VERSIONS

_EVERY = 0.5
"""Seconds between two rounds."""
ROOM_SECONDS = 30.0
"""After which a list is tried again for which Redis had no room: each try drops sessions there."""

_log = logging.getLogger("botify.server.data_sync")


class _StoppedError(Exception):
    """The keeper was told to stop while it loaded a list."""


class Shelved(NamedTuple):
    """Models to keep as their files are."""

    shelf: Shelf
    files: Mapping[str, Path]
    """By name."""


class Keeper:
    """A thread that goes round twice a second.

    An embedded Valkey that died is started again. A configured list that Redis has not (it was
    restarted or flushed) is loaded from its file. With `watch`, so is a list whose file changed;
    a refused file is logged, and why it was refused is told in REFUSED until a load succeeds.
    Nothing that goes wrong ends the thread, and nothing that a file does keeps others from being
    loaded; a Redis that is away is waited for.
    """

    def __init__(
        self,
        redis_url: str,
        files: Mapping[str, ListFile],
        kinds: Mapping[str, ListKind],
        n_tracks: int,
        watch: bool,
        embedded: EmbeddedValkey | None,
        models: Shelved | None = None,
        settle: float = 5.0,
        least: float = 0.0,
        published: Publications | None = None,
    ) -> None:
        """`files` and `kinds` by list name; `embedded` where the Redis is our own.

        `settle`: seconds for which a file must stay as it is before it is read. `least`: share of
        the owners of lists in service for whom a file that changed must have lists. `published`
        records what is put into service, by whomever.
        """
        self._published = published
        self._again: dict[str, float] = {}  # when there may be room for a list for which none was
        self._client = connect(redis_url)
        self._files = files
        self._kinds = kinds
        self._n_tracks = n_tracks
        self._watch = watch
        self._embedded = embedded
        self._least = least
        self._watched = {name: Watched(of.file, settle) for name, of in files.items()}
        self._models = models
        self._models_watched = {}
        if models is not None:
            self._models_watched = {
                name: Watched(file, settle, tried=models.shelf.stamp(name))
                for name, file in models.files.items()
            }
        self._trouble = ""
        self._stop = threading.Event()
        self._busy = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes at once.

        From now on this process forks only between two rounds. A fork has none of the threads,
        but all of their locks: one made while the keeper imports something would wait for the
        keeper for ever, as soon as it imports the same.
        """
        busy = self._busy
        os.register_at_fork(
            before=busy.acquire, after_in_parent=busy.release, after_in_child=busy.release
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread, in the middle of a load if need be.

        Stop the workers first: a Valkey that the keeper restarted ends with its thread.
        """
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while True:
            try:
                with self._busy:
                    self._round()
                self._tell("")
            except _StoppedError:
                return
            except (StoreError, InputError) as error:
                self._tell(str(error))
            except Exception as error:
                # Whatever it is, the next round may do better; once is enough to say it.
                if self._tell(repr(error)):
                    _log.exception("a round failed")
            if self._stop.wait(_EVERY):
                return

    def _tell(self, trouble: str) -> bool:
        """Log what keeps a round from its end when that changes; whether it did."""
        if trouble == self._trouble:
            return False
        if trouble:
            _log.warning("cannot look after Redis and its lists: %s", trouble)
        else:
            _log.warning("Redis and its lists are looked after again")
        self._trouble = trouble
        return True

    def _round(self) -> None:
        if self._embedded is not None and not self._embedded.alive():
            self._embedded.restart()
            _log.error("the embedded Valkey had died; it was started again, empty")
        if self._models is not None and self._watch:
            self._look_at_models(self._models)
        missing = self._missing()
        self._record_lists()
        trouble = None
        for name, watched in self._watched.items():
            try:
                self._look_at_list(name, watched, missing.get(name))
            except StoreError as error:
                if error.kind != "refused":
                    raise
                trouble = error  # of this list: Redis answers, and may have room for others
        if trouble is not None:
            raise trouble

    def _look_at_list(self, name: str, watched: Watched, missing: str | None) -> None:
        """`missing`: the version named for it, where the list is not in service."""
        stamp, settled = watched.look()
        tried = stamp == watched.tried and time.monotonic() < self._again.get(name, math.inf)
        if missing is not None:
            if watched.refusal and tried:
                self._publish(name, watched.refusal)  # this Redis may never have been told
            elif settled:
                self._load(name, watched, stamp, over=missing)
        elif self._watch and stamp is not None and settled and not tried:
            self._load(name, watched, stamp)

    def _look_at_models(self, models: Shelved) -> None:
        for name, watched in self._models_watched.items():
            stamp, settled = watched.look()
            if stamp is not None and settled and stamp != watched.tried:
                try:
                    with refusing(watched.file):
                        version = models.shelf.put(name, watched.file, self._n_tracks, self._least)
                    watched.refusal = ""
                    _log.info("model %s: version %s is in service", name, version)
                    self._record(name, version)
                    with store_errors():
                        self._client.hdel(REFUSED, name)
                except InputError as error:
                    watched.refusal = str(error)
                    _log.error("model %s: its file is refused: %s", name, error)
                watched.tried = stamp
            if watched.refusal:
                self._publish(name, watched.refusal)  # again: a Redis may have been restarted

    def _missing(self) -> dict[str, str]:
        """Lists that are not in service, with the versions named for them. Raises StoreError."""
        with store_errors():
            found: Any = self._client.eval(script("missing_lists"), 1, VERSIONS, *self._files)
        texts = [text.decode() for text in found]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def _load(
        self, name: str, watched: Watched, stamp: Stamp | None, over: str | None = None
    ) -> None:
        spec, kind = self._files[name], self._kinds[name]
        try:
            loaded = load_list(
                self._client,
                name,
                spec,
                kind,
                self._n_tracks,
                progress=self._go_on,
                over=over,
                least=self._least if over is None else 0.0,
            )
            watched.refusal = ""
            self._again.pop(name, None)
            with store_errors():
                self._client.hset(CONFIGURED, name, loaded.version)
            if loaded.replaced != loaded.version:
                self._record(name, loaded.version)
                _log.info(
                    "list %s: version %s is in service, %d lists; %d owners lost theirs",
                    name,
                    loaded.version,
                    loaded.size,
                    loaded.lost,
                )
        except (StoreError, _StoppedError):
            raise
        except Exception as error:  # whatever the file made of it: others must be looked at
            watched.refusal = str(error) if isinstance(error, InputError) else repr(error)
            _log.error("list %s: its file is refused: %s", name, error)
            if isinstance(error, NoRoomError):
                self._again[name] = time.monotonic() + ROOM_SECONDS
            self._publish(name, watched.refusal)
        watched.tried = stamp

    def _go_on(self, count: int) -> None:
        """Between two batches of a load: stop here if told to, and let others fork."""
        if self._stop.is_set():
            raise _StoppedError
        self._busy.release()
        self._busy.acquire()

    def _record_lists(self) -> None:
        """Others may have loaded some: `lists load`, or a service on the same Redis."""
        if self._published is None:
            return
        with store_errors():
            versions: Any = self._client.hmget(VERSIONS, list(self._files))
        for name, version in zip(self._files, versions, strict=True):
            if version:
                self._record(name, version.decode())

    def _record(self, name: str, version: str) -> None:
        if self._published is not None:
            self._published.observe(name, version)

    def _publish(self, name: str, refusal: str) -> None:
        with store_errors():
            self._client.hset(REFUSED, name, refusal)
