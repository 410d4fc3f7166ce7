"""Plug-ins: what installed distributions offer by name, as entry points of one group.

A distribution offers an object with these lines in its pyproject.toml:

    [project.entry-points."botify.recommenders"]
    change_artist = "change_artist:ChangeArtist"

The built-in objects come through the same door, from the distribution botify.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, NamedTuple

_OWN = "botify"


class PluginError(ValueError):
    """There is no such plug-in, or it cannot be used; the message says why and whose it is."""


class Plugin(NamedTuple):
    """An entry point."""

    name: str
    value: str
    """`package.module:Object`."""
    distribution: str
    """Name and version of the distribution that offers it."""
    built_in: bool
    """Whether that is botify itself."""


class Plugins:
    """The plug-ins of one group: found once, each imported when it is first asked for.

    One that cannot be imported, or two of one name, leave the others as they are. A built-in
    object keeps its name, whoever else offers it.
    """

    def __init__(
        self,
        group: str,
        what: str,
        check: Callable[[Any], str | None] = lambda found: None,
        found: Callable[[], Iterable[Distribution]] = distributions,
    ) -> None:
        """`what` the objects are, for messages: "type of recommender".

        `check(object)` says what is wrong with a loaded object, or None. `found()` are the
        distributions to look into; by default, all that are installed.
        """
        self._group = group
        self._what = what
        self._check = check
        self._found = found
        self._offers: dict[str, list[tuple[Plugin, EntryPoint]]] | None = None
        self._unusable: list[str] = []
        self._loaded: dict[str, Any] = {}
        self._errors: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the built-in ones first, else in alphabetical order."""
        return tuple(self._read())

    @property
    def all(self) -> tuple[Plugin, ...]:
        """All plug-ins; of a name that several offer, each."""
        return tuple(plugin for offers in self._read().values() for plugin, _ in offers)

    def get(self, name: str) -> Any:
        """The object, imported if it was not yet. Raises PluginError.

        A failed import is not tried again in this process.
        """
        if name in self._loaded:
            return self._loaded[name]
        if name not in self._errors:
            try:
                self._loaded[name] = self._load(name)
                return self._loaded[name]
            except PluginError as error:
                if name not in self._read():
                    raise
                self._errors[name] = str(error)
        raise PluginError(self._errors[name])

    def load_added(self) -> None:
        """Import all that are not built in, so that `problems` knows of each whether it works."""
        for plugin in self.all:
            if not plugin.built_in:
                self.problem(plugin.name)

    def problem(self, name: str) -> str | None:
        """Why this plug-in cannot be used; None if it can. Imports it."""
        try:
            self.get(name)
        except PluginError as error:
            return str(error)
        return None

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with plug-ins, as far as they were imported."""
        self._read()
        return (*self._unusable, *self._errors.values())

    def _load(self, name: str) -> Any:
        offers = self._read().get(name)
        if offers is None:
            raise PluginError(self._unknown(name))
        (plugin, entry_point), *others = offers
        where = f"{self._what} {name!r} of {plugin.distribution} ({plugin.value})"
        if others:
            also = ", ".join(f"{other.distribution} ({other.value})" for other, _ in others)
            raise PluginError(f"{where} is also offered by {also}: uninstall one of them")
        try:
            loaded = entry_point.load()
        except (Exception, SystemExit) as error:  # whatever its module does: the rest goes on
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise PluginError(f"{where} cannot be imported: {reason}") from error
        if wrong := self._check(loaded):
            raise PluginError(f"{where} cannot be used: {wrong}")
        return loaded

    def _unknown(self, name: str) -> str:
        names = self.names
        if not any(plugin.built_in for plugin in self.all):
            return (
                f"no {self._what} {name!r}: the installed botify does not offer its own; install "
                "it again (in a checkout: pip install --editable .)"
            )
        near = get_close_matches(name, names, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return f"no {self._what} {name!r}; {meant}there are: {', '.join(names)}"

    def _read(self) -> dict[str, list[tuple[Plugin, EntryPoint]]]:
        if self._offers is None:
            offers: dict[str, list[tuple[Plugin, EntryPoint]]] = {}
            found = sorted(self._entry_points(), key=lambda each: (not each[0].built_in, each[0]))
            for plugin, entry_point in found:
                of_name = offers.setdefault(plugin.name, [])
                # Editable installs may list a distribution twice.
                if plugin.value in [other.value for other, _ in of_name]:
                    continue
                if of_name and of_name[0][0].built_in and not plugin.built_in:
                    self._unusable.append(
                        f"{plugin.distribution} offers {_article(self._what)} {plugin.name!r} "
                        f"({plugin.value}), which is the name of botify's own and stays that: "
                        "give it another name"
                    )
                else:
                    of_name.append((plugin, entry_point))
            self._offers = offers
        return self._offers

    def _entry_points(self) -> Iterable[tuple[Plugin, EntryPoint]]:
        for distribution in self._found():
            try:
                for each in distribution.entry_points.select(group=self._group):
                    name = distribution.metadata["Name"]
                    label = f"{name} {distribution.version}"
                    yield Plugin(each.name, each.value, label, name == _OWN), each
            except Exception as error:  # of a damaged installation
                self._unusable.append(
                    f"the entry points of {_place(distribution)} cannot be read: {error!r}"
                )


def _article(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _place(distribution: Distribution) -> str:
    return str(getattr(distribution, "_path", "a distribution"))
