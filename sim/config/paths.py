"""Resolves the relative paths of a config: from the working directory, or beside the config."""

import filecmp
from collections.abc import Callable, Sequence
from pathlib import Path


def locate(config: Path, paths: Sequence[Path]) -> tuple[list[Path], str | None]:
    """The files that a config's paths mean, and a note if another choice was possible.

    Absolute paths stay. The relative ones are looked for together, so that the
    files of two worlds never mix: from the working directory, in the folder of
    the config, in the folder above it (`config/` and `data/` side by side), and
    by their names alone in the folder of the config. The first place with all
    of them is used; if there is none, the paths stay as they are. The note names
    a later place whose files differ.
    """
    if all(path.is_absolute() for path in paths):
        return list(paths), None
    folder = config.parent
    places: list[Callable[[Path], Path]] = [
        lambda path: path,
        lambda path: folder / path,
        lambda path: folder / ".." / path,
        lambda path: folder / path.name,
    ]
    relative = [path for path in paths if not path.is_absolute()]
    complete = [place for place in places if all(place(path).is_file() for path in relative)]
    if not complete:
        return list(paths), None
    chosen, *others = complete
    differing = (
        f"{config}: {chosen(path)} is used; {place(path)} is another file"
        for place in others
        for path in relative
        if not filecmp.cmp(chosen(path), place(path))
    )
    located = [path if path.is_absolute() else chosen(path) for path in paths]
    return located, next(differing, None)
