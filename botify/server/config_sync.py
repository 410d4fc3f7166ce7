"""Puts changed experiments, recommenders and the default into force while the service runs."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botify.config import AnyConfig
from botify.config.changes import (
    LIVE,
    as_written,
    changed_keys,
    keys_for_restart,
    with_live_keys,
)
from botify.config.load import ConfigFile
from botify.errors import InputError
from botify.experiments import moved_shares
from botify.files.watched import WatchedFile
from botify.live_routing import ConfigState

_log = logging.getLogger("botify.server.config_sync")


class ConfigSync:
    """In the parent. A file that is refused changes nothing."""

    def __init__(
        self,
        source: ConfigFile,
        started: AnyConfig,
        build: Callable[[Any], Mapping[str, object]],
        run_of: Callable[[Any], str],
        state_path: Path,
    ) -> None:
        """`started`: the config at the start, from `source`.

        `build(config)` gives its recommenders, and raises if it cannot be put into force.
        `run_of(config)`: the id of the run. `state_path`: where workers read what is in force.
        """
        self._source = source
        self._build = build
        self._run_of = run_of
        self._state_path = state_path
        self._watches = started.watch_config
        self._watched = WatchedFile(source.path, started.watch_settle, handled=source.stamp)
        self._asked = False
        self.running = started
        """The config in force."""
        self._state = ConfigState(0, as_written(started), run_of(started))
        self._state.write(state_path)

    def ask(self, *_: object) -> None:
        """Load the file in the next round, watched or not; may be called by a signal handler."""
        self._asked = True

    def round(self) -> None:
        """Look at the file, and put into force what has changed."""
        stamp, settled = self._watched.poll()
        asked, self._asked = self._asked, False
        if stamp is None and (asked or (self._watches and settled)):
            if self._watched.note_absence():
                self._refuse(self._watched.refusal)
        elif asked or (self._watches and settled and stamp != self._watched.handled):
            try:
                self._load()
                self._watched.refusal = ""
            except Exception as error:  # of a plug-in as well: the running config goes on
                self._watched.refusal = str(error) or repr(error)
                self._refuse(self._watched.refusal, error)
            self._watched.handled = stamp

    def _load(self) -> None:
        new = self._source.load()
        if new.face != self.running.face:
            raise InputError(f"face: {new.face!r} needs a restart")
        config = with_live_keys(self.running, {key: getattr(new, key) for key in LIVE})
        note = _without_plays(self._build(self.running), self._build(config))
        pending = tuple(keys_for_restart(self.running, new))
        changes = changed_keys(self.running, config)
        number, run = self._state.number, self._state.run
        notes = (self._state.note, self._state.note_until)
        if changes:
            number, run = number + 1, self._run_of(config)
            if note:
                notes = (note, time.time() + getattr(config, "session_ttl", 0))
        moved = moved_shares(self.running.experiments, config.experiments)
        state = ConfigState(number, as_written(config), run, "", pending, *notes)
        self._tell(state)
        self.running = config
        for change in changes:
            _log.info("config: %s", change)
        for name, share in moved.items():
            _log.warning(
                "config: experiment %s: %.0f %% of its users get another treatment from now on; "
                "give changed weights a new name or salt, so that an analysis can tell them apart",
                *(name, 100 * share),
            )
        if changes and note:
            _log.warning("config: %s", note)
        if changes:
            _log.info("config: in force in all workers within a second, as run %s", run)
        else:
            _log.info("config: nothing that takes effect without a restart has changed")
        if pending:
            _log.warning("config: %s changed; that needs a restart", ", ".join(pending))

    def _refuse(self, why: str, error: Exception | None = None) -> None:
        known = isinstance(error, InputError | None)
        _log.error(
            "config: the file is refused, the running config goes on: %s",
            why,
            exc_info=None if known else error,
        )
        self._tell(self._state._replace(refusal=why))

    def _tell(self, state: ConfigState) -> None:
        state.write(self._state_path)
        self._state = state


def _without_plays(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """What to say where sessions under way may meet a recommender that needs plays not kept."""
    needing = [name for name, each in new.items() if _needs_plays(each)]
    if not needing or all(map(_needs_plays, old.values())):
        return ""
    return (
        f"the answers of {', '.join(needing)} depend on the session's plays, which are kept only "
        "while such a recommender answers: sessions that were under way at the change may have "
        "their later plays alone"
    )


def _needs_plays(recommender: object) -> bool:
    return bool(getattr(recommender, "needs_plays", False))
