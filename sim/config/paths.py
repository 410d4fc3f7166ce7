"""Where the relative paths of a config lead: from the working directory, or beside the config."""

import filecmp
from collections.abc import Callable, Sequence
from pathlib import Path


def locate(config: Path, paths: Sequence[Path]) -> tuple[list[Path], str | None]:
    """The files that a config's paths mean, and a line to show where that is not plain.

    Absolute paths stay. The relative ones are looked for together, so that the
    files of two worlds never mix: from the working directory, in the folder of
    the config, in the folder above it (`config/` and `data/` side by side), and
    by their names alone in the folder of the config. The first place that has
    all of them is taken; where there is none, they stay as they are. The line
    names a later place whose files differ.
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
    taken, *others = complete
    differing = (
        f"{config}: {taken(path)} is taken; {place(path)} is another file"
        for place in others
        for path in relative
        if not filecmp.cmp(taken(path), place(path))
    )
    found = [path if path.is_absolute() else taken(path) for path in paths]
    return found, next(differing, None)
