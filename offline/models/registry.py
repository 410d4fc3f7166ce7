"""Models by name, from the entry points `botify.models` of what is installed; ours are among them.

A model is imported when it is asked for, so that one which cannot be harms no other.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.plugins import PluginError, Plugins
from offline.errors import InputError
from offline.models import storage
from offline.models.base import Recommender

GROUP = "botify.models"


def _fault(loaded: Any) -> str | None:
    if isinstance(loaded, type) and issubclass(loaded, Recommender):
        return None if hasattr(loaded, "name") else "it has no name"
    return "it is no subclass of offline.models.base.Recommender"


MODELS = Plugins(GROUP, "model", _fault)
"""The installed models."""


def names_of(learns_from: str, models: Plugins = MODELS) -> list[str]:
    """Names of the installed models that learn from `likes`, or from `ratings`.

    One that cannot be imported is among both, so that it is named where it is asked for.
    """
    found = []
    for name in models.names:
        try:
            learns = models.get(name).learns_from
        except PluginError:
            learns = learns_from
        if learns == learns_from:
            found.append(name)
    return found


def model_class(name: str, models: Plugins = MODELS) -> type[Recommender]:
    """The class of a model.

    Raises InputError for an unknown name (it names the nearest), one that several packages claim,
    and a class that cannot be imported or is no model: it names the package.
    """
    try:
        found: type[Recommender] = models.get(name)
    except PluginError as error:
        raise InputError(str(error)) from error
    if found.name != name:
        raise InputError(f"model {name!r} calls itself {found.name!r}: use one name for both")
    return found


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
