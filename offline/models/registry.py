"""Models by name, from the entry points `botify.models` of what is installed; ours are among them.

A model is imported when it is asked for, so that one which cannot be harms no other.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

from offline.errors import InputError
from offline.models import storage
from offline.models.base import Recommender
from offline.options import nearest

GROUP = "botify.models"


class Found(NamedTuple):
    """An installed model."""

    name: str
    value: str
    """Its module and class."""
    package: str
    """The distribution that brings it."""


def installed(group: Iterable[EntryPoint] | None = None) -> dict[str, list[Found]]:
    """The installed models by name, sorted; more than one where packages claim the same name.

    An entry point that is listed twice, as an editable install's may be, is one.
    """
    found: dict[str, dict[str, Found]] = {}
    for point in entry_points(group=GROUP) if group is None else group:
        package = point.dist.name if point.dist else "an unknown package"
        found.setdefault(point.name, {}).setdefault(
            point.value, Found(point.name, point.value, package)
        )
    return {name: list(found[name].values()) for name in sorted(found)}


def model_class(name: str, models: Mapping[str, list[Found]] | None = None) -> type[Recommender]:
    """The class of a model.

    Raises InputError for an unknown name (it names the nearest), one that several packages claim,
    and a class that cannot be imported or is no model: it names the package.
    """
    known = installed() if models is None else models
    if not known:
        raise InputError(
            f"no models are installed (no entry points {GROUP}): install the project again, "
            "`pip install -e .`"
        )
    if name not in known:
        raise InputError(f"no model {name!r}: {nearest(name, list(known))}")
    if len(known[name]) > 1:
        claims = " and ".join(f"{found.package} ({found.value})" for found in known[name])
        raise InputError(f"two models are called {name}: of {claims}; uninstall one")
    (found,) = known[name]
    where = f"model {name} of the package {found.package} ({found.value})"
    try:
        loaded = EntryPoint(name, found.value, GROUP).load()
    except Exception as error:  # a plug-in may raise anything
        reason = " ".join(str(error).split())
        raise InputError(
            f"{where} cannot be imported: {type(error).__name__}: {reason}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Recommender)):
        raise InputError(f"{where} is no subclass of offline.models.base.Recommender")
    if getattr(loaded, "name", None) != name:
        raise InputError(f"{where} calls itself {getattr(loaded, 'name', None)!r}: use one name")
    return loaded


def make_model(
    name: str, options: Mapping[str, Any] | None = None, *, seed: int | None = None
) -> Recommender:
    """A model by name, not fitted yet.

    Parameters
    ----------
    name : str
        Of an installed model, such as `als`; `botify-offline models` lists them.
    options : mapping, optional
        By name, as in its `Config`; the others have their defaults.
    seed : int, optional
        Of what the model draws, if it draws anything.

    Returns
    -------
    Recommender

    Raises
    ------
    InputError
        For an unknown model or option, naming the nearest, and for a bad value.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import make_model
    >>> matrix = sparse.csr_matrix([[1, 1, 0], [0, 1, 1], [0, 1, 0]])
    >>> make_model("popular").fit(matrix).recommend(np.array([2]), n=2).ids
    array([[0, 2]])
    >>> make_model("als", {"factors": 2}, seed=1).config.factors
    2
    """
    found = model_class(name)
    given = dict(options or {})
    if seed is not None and "seed" in found.Config.model_fields:
        given["seed"] = seed
    return found(found.Config.of(given, name))


def load_model(directory: str | Path) -> Recommender:
    """Read a model directory, whatever the model.

    Parameters
    ----------
    directory : str or Path
        As `Recommender.save` or `botify-offline train` writes it.

    Returns
    -------
    Recommender

    Raises
    ------
    InputError
        Where there is no model, a damaged one, or one that is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from scipy import sparse
    >>> from offline import load_model, make_model
    >>> model = make_model("pure-svd", {"factors": 2}).fit(sparse.csr_matrix(np.tri(9, 7)))
    >>> model.save(Path("model"))
    >>> load_model("model").name
    'pure-svd'
    """
    place = Path(directory)
    try:
        name = storage.read_about(place)["model"]
    except InputError:
        raise
    except Exception as error:  # a damaged file may hold anything
        raise storage.damaged(place, error) from None
    return model_class(str(name)).load(place)
