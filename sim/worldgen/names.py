"""Plausible names for generated artists and tracks."""

import json
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

_WORDS: dict[str, list[str]] = json.loads(
    files("sim.worldgen").joinpath("words.json").read_bytes()
)
_SLOTS = {"f": "first", "l": "last", "a": "adjectives", "n": "nouns", "m": "nouns", "p": "places"}
_TITLES = (
    "{a} {n}",
    "{n} in {p}",
    "The {a} {n}",
    "{a} {n} (Live)",
    "{n} and {m}",
    "Leaving {p}",
    "{p} by Night",
    "Waiting for the {n}",
    "No More {n}",
    "Dancing with {n}",
    "All My {n}",
    "{a} Hours",
    "Tell Me About {p}",
    "Under {a} {n}",
    "{f}'s {n}",
)
_ARTISTS = (
    ("{f} {l}", 0.42),
    ("The {a} {n}", 0.2),
    ("{a} {n}", 0.16),
    ("{f} & the {n}", 0.09),
    ("{n} of {p}", 0.07),
    ("{l} Brothers", 0.03),
    ("DJ {l}", 0.03),
)


def artist_names(n: int, rng: np.random.Generator) -> list[str]:
    """n different names."""
    templates = [template for template, _ in _ARTISTS]
    shares = [share for _, share in _ARTISTS]
    taken: set[str] = set()
    names: list[str] = []
    while len(names) < n:
        name = _fill(templates[rng.choice(len(templates), p=shares)], rng)
        if name in taken:
            # A second band of that name adds a place to it.
            name = f"{name} ({_word(_WORDS['places'], rng)})"
        if name in taken:
            name = f"{name} {len(names)}"
        taken.add(name)
        names.append(name)
    return names


def track_titles(artist_of: NDArray[np.int32], rng: np.random.Generator) -> list[str]:
    """A title per track, different within each artist."""
    taken: set[tuple[int, str]] = set()
    titles: list[str] = []
    for artist in artist_of.tolist():
        title = _fill(_word(_TITLES, rng), rng)
        while (artist, title) in taken:
            title = _fill(_word(_TITLES, rng), rng)
        taken.add((artist, title))
        titles.append(title)
    return titles


def _fill(template: str, rng: np.random.Generator) -> str:
    return template.format(
        **{
            slot: _word(_WORDS[words], rng)
            for slot, words in _SLOTS.items()
            if f"{{{slot}}}" in template
        }
    )


def _word(words: list[str] | tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
