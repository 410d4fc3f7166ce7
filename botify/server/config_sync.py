"""Puts changed experiments, recommenders and the default into force while the service runs."""

import logging
from collections.abc import Callable
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
        check: Callable[[Any], object],
        run_of: Callable[[Any], str],
        state_path: Path,
    ) -> None:
        """`started`: the config at the start, from `source`.

        `check(config)` raises if a config cannot be put into force. `run_of(config)`: the id of
        the run. `state_path`: where workers read what is in force.
        """
        self._source = source
        self._check = check
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
        self._check(config)
        pending = tuple(keys_for_restart(self.running, new))
        changes = changed_keys(self.running, config)
        number, run = self._state.number, self._state.run
        if changes:
            number, run = number + 1, self._run_of(config)
        moved = moved_shares(self.running.experiments, config.experiments)
        self._tell(ConfigState(number, as_written(config), run, pending=pending))
        self.running = config
        for change in changes:
            _log.info("config: %s", change)
        for name, share in moved.items():
            _log.warning(
                "config: experiment %s: %.0f %% of its users get another treatment from now on; "
                "give changed weights a new name or salt, so that an analysis can tell them apart",
                *(name, 100 * share),
            )
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
