"""Which recommender answers whom, in a worker; replaced as a whole while requests run."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from botify.config import ServiceConfig
from botify.config.changes import with_live_keys
from botify.experiments import Experiments
from botify.files.filestamp import Stamp, stamp_of

_log = logging.getLogger("botify.live_routing")


_Config = TypeVar("_Config", bound=ServiceConfig)
_Recommender = TypeVar("_Recommender")

Build = Callable[[_Config], Mapping[str, _Recommender]]
"""The recommenders of a config, by name. Raises InputError if it does not fit what there is."""


class Routing(NamedTuple, Generic[_Recommender]):
    """Experiments, recommenders and default of one config."""

    experiments: Experiments
    recommenders: Mapping[str, _Recommender]
    default: str | None
    """The recommender of users that no experiment decides for."""
    run: str
    """Id of the run, in each line of the log."""

    def recommender(
        self, treatments: Mapping[str, str], forced: Mapping[str, str]
    ) -> _Recommender:
        """By the first of these that names a recommender: the forced treatments alone, whatever
        the order of experiments; all treatments, in the order of experiments; the default."""
        name = None
        if forced:
            name = self.experiments.decide(forced)
            treatments = {**treatments, **forced}
        return self.recommenders[name or self.experiments.decide(treatments) or self.default or ""]


class ConfigState(NamedTuple):
    """What the parent tells its workers about the config file, in a file of its own."""

    number: int
    """How often another config was put into force; 0 for that of the start."""
    live: dict[str, Any]
    """The keys of the config that can change while the service runs."""
    run: str
    refusal: str = ""
    """Why the newest config file was not put into force; empty if it was."""
    pending: tuple[str, ...] = ()
    """Keys that were changed in it and need a restart."""
    note: str = ""
    """What the change means for sessions that were under way; empty for nothing."""
    note_until: float = 0.0
    """When the last of them is over, in s since the epoch."""

    def write(self, path: Path) -> None:
        """Replace the file in one step."""
        aside = path.with_suffix(".new")
        # YAML has dates as well, which plug-ins read from their text.
        aside.write_text(json.dumps(self._asdict(), default=str))
        aside.replace(path)

    @classmethod
    def read(cls, path: Path) -> "ConfigState":
        """The inverse."""
        values = json.loads(path.read_text())
        return cls(**values | {"pending": tuple(values["pending"])})


class LiveRouting(Generic[_Config, _Recommender]):
    """Follows what the parent puts into force."""

    def __init__(
        self,
        config: _Config,
        build: Build[_Config, _Recommender],
        run: str,
        path: Path | None = None,
    ) -> None:
        """`config`: of the start. `path`: of the ConfigState; None if it never changes.

        Raises InputError if the config does not fit what `build` has.
        """
        self._config = config
        self._build = build
        self._path = path
        self._stamp: Stamp | None = None
        self._state = ConfigState(0, {}, run)
        self._own_refusal = ""
        self.current = self._routing(config, run)
        """Each request reads this once."""
        self.refresh()

    @property
    def refusal(self) -> str:
        """Why the newest config is not in force; empty if it is."""
        return self._own_refusal or self._state.refusal

    @property
    def pending(self) -> tuple[str, ...]:
        """Keys that were changed and need a restart."""
        return self._state.pending

    @property
    def note(self) -> str:
        """What the latest change means for sessions that were under way, while there are any."""
        return self._state.note if time.time() < self._state.note_until else ""

    def refresh(self) -> None:
        """Put into force what the parent has, if it is another."""
        if self._path is None:
            return
        stamp = stamp_of(self._path)
        if stamp in (None, self._stamp):
            return
        state = ConfigState.read(self._path)
        if state.number != self._state.number:
            self._own_refusal = ""
            try:
                config = with_live_keys(self._config, state.live)
                self.current = self._routing(config, state.run)
            except Exception as error:  # the parent could: a plug-in may do as it likes
                self._own_refusal = f"a worker refused it: {error}"
                _log.exception("the changed config cannot be put into force in this worker")
        self._stamp, self._state = stamp, state

    def _routing(self, config: _Config, run: str) -> Routing[_Recommender]:
        experiments, recommenders = Experiments(config.experiments), self._build(config)
        return Routing(experiments, recommenders, config.default, run)
