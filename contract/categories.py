"""A tree of categories, as a shop gives it: each category and the one above it."""

from collections.abc import Iterable

from contract.errors import FormatError
from contract.ids import ID_RULE, owner_id
from contract.values import is_nothing


def parse_tree(rows: Iterable[tuple[object, object]]) -> dict[str, str | None]:
    """The category above each; None for one without. A category that is only above others is one.

    `rows`: category and the one above it, or null or "". Raises FormatError: for a category that
    is below two others, or in a circle.

    >>> parse_tree([("lamps", "home"), ("home", None)])
    {'lamps': 'home', 'home': None}
    """
    above: dict[str, str | None] = {}
    for category, parent in rows:
        name = _id(category, "a category")
        higher = None if is_nothing(parent) or parent == "" else _id(parent, "the one above")
        if above.setdefault(name, higher) != higher:
            raise FormatError(f"category {name!r} is below {above[name]!r} and below {higher!r}")
    for parent in [*above.values()]:
        if parent is not None:
            above.setdefault(parent, None)
    _check_circles(above)
    return above


def _check_circles(above: dict[str, str | None]) -> None:
    sound: set[str] = set()
    for start in above:
        path: dict[str, None] = {}
        here: str | None = start
        while here is not None and here not in sound:
            if here in path:
                circle = [*path][[*path].index(here) :]
                raise FormatError(f"categories in a circle: {' below '.join([*circle, here])}")
            path[here] = None
            here = above[here]
        sound.update(path)


def _id(value: object, what: str) -> str:
    found = owner_id(value)
    if found is None:
        raise FormatError(f"{what} must be {ID_RULE}")
    return found
