"""The name that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name(what: str, name: object, known: Iterable[str]) -> str:
    """Says that a name is unknown, which known one is nearest to it, and which there are."""
    names = list(known)
    nearest = get_close_matches(str(name), names, n=1, cutoff=0.5)
    guess = f"did you mean {nearest[0]!r}? " if nearest else ""
    there = f"there are: {', '.join(names)}" if names else "there is none"
    return f"no {what} {name!r} ({guess}{there})"
