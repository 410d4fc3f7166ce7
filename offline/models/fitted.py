"""What every model is apart from its lists: options, the data it was fitted on, a directory."""

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models import storage
from offline.options import Options


class Fitted(ABC):
    """A model with options, that can be saved and loaded once it is fitted."""

    class Config(Options):
        """The model's options: names, types, defaults, bounds."""

    name: ClassVar[str]
    """Its name on the command line, in files and in messages."""
    version: ClassVar[int] = 1
    """Of what `_state` gives: a directory of another version is refused."""
    config: Config
    _data: TrainingSet | None = None
    _popularity: NDArray[np.float32] | None = None

    def __init__(self, config: Options | None = None, **options: Any) -> None:
        """A model that is not fitted yet.

        Parameters
        ----------
        config : Config, optional
            All options; None: those given by name, and defaults.
        **options
            Options by name. An unknown one, or a bad value, is an InputError.
        """
        if config is None:
            config = self.Config.of(options, self.name)
        elif options or not isinstance(config, self.Config):
            raise TypeError(f"{self.name} takes a {self.Config.__qualname__}, or options by name")
        self.config = config

    def save(self, directory: Path, also: Callable[[Path], object] | None = None) -> None:
        """Write the model as a directory, whole or not at all; an earlier one is replaced.

        Parameters
        ----------
        directory : Path
            Gets `artefact.json`, the model's numbers and its users' histories.
        also : callable, optional
            Called with the directory before it appears, to write more files into it.

        Raises
        ------
        InputError
            Where the directory holds something else, or cannot be written.
        """
        data = self.data

        def fill(new: Path) -> None:
            self._write(new)
            storage.write_histories(new, data)
            if also is not None:
                also(new)

        about = {
            "model": self.name,
            "version": self.version,
            "config": self.config.model_dump(mode="json"),
            "fingerprint": data.fingerprint,
            "threshold": data.threshold,
            "owner_ids": data.items is not None,
            "users": len(data.histories),
            "items": data.histories.n_tracks,
            "metrics": self.metrics(),
        }
        storage.write(directory, about, fill)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        directory : Path

        Returns
        -------
        Recommender
            Its lists are those of the model that was saved.

        Raises
        ------
        InputError
            Where there is no model, a damaged one, or one of another name or version.
        """
        try:
            about = storage.read_about(directory)
            if about["model"] != cls.name:
                raise InputError(f"{directory}: a model {about['model']!r}, not {cls.name!r}")
            if about["version"] != cls.version:
                raise InputError(
                    f"{directory}: version {about['version']} of {cls.name}, but this program "
                    f"reads version {cls.version}: train again"
                )
            model = cls(cls.Config.of(about["config"], str(directory)))
            data = storage.read_histories(directory, about)
            model._popularity = data.histories.popularity().astype(np.float32)
            model._read(directory, about, data)
        except InputError:
            raise
        except Exception as error:  # a damaged file may raise anything
            raise storage.damaged(directory, error) from None
        model._data = data
        return model

    def identity(self) -> str:
        """SHA-256 of all that decides about its lists, but for the data."""
        config = self.config.model_dump_json()
        digest = hashlib.sha256(f"{self.name} {self.version} {config}".encode())
        for name, array in sorted(self._state().items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def check_trained_on(self, fingerprint: str) -> None:
        """Raises InputError unless this is of the interactions that the model learned from."""
        if fingerprint != self.data.fingerprint:
            raise InputError(
                "the model was trained on other interactions than these: train again, or name "
                "the directory it was trained on"
            )

    def without_users(self) -> Self:
        """A copy that knows no user, and so has `recommend_for` but not `recommend`."""
        found = copy.copy(self)
        found._data = None
        return found

    def without_ids(self) -> Self:
        """A copy that knows its users and items by their numbers alone, to send elsewhere."""
        found, no_ids = copy.copy(self), np.empty(0, np.int64)
        found._data = replace(self.data, users=no_ids, all_users=no_ids, items=None, titles=None)
        return found

    @property
    def popularity(self) -> NDArray[np.float32]:
        """How many users liked each item, shape (n_items,). InputError if it is not fitted."""
        if self._popularity is None:
            raise InputError(f"{self.name} has not been fitted yet: call fit first")
        return self._popularity

    @property
    def known_items(self) -> NDArray[np.bool_]:
        """Which items somebody liked, shape (n_items,)."""
        return self.popularity > 0

    @property
    def data(self) -> TrainingSet:
        """What it was fitted on. Raises InputError where it has not been."""
        if self._data is None:
            raise InputError(f"{self.name} has not been fitted yet: call fit first")
        return self._data

    def metrics(self) -> dict[str, Any]:
        """What training found out about the model, as JSON, for its directory."""
        return {}

    @abstractmethod
    def _state(self) -> storage.Arrays:
        """All that `_fit` learned, as arrays by name; what follows from the data need not be."""

    @abstractmethod
    def _set_state(self, state: storage.Arrays, data: TrainingSet) -> None:
        """Be as `_fit` left the model that gave this `_state`; `data` is what it was fitted on."""

    def _write(self, directory: Path) -> None:
        """Write what was learned; a model with a format of its own overrides it and `_read`."""
        storage.write_arrays(directory, self._state())

    def _read(self, directory: Path, about: dict[str, Any], data: TrainingSet) -> None:
        self._set_state(storage.read_arrays(directory, about[storage.FILE_SUMS]), data)
