"""Which files a log is made of."""

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from offline.errors import InputError

NAMES = ("data.json*", "data*.parquet")
"""Name patterns of logs in a directory and its sub-directories."""
ASIDE = ("_", ".")
"""Folders whose names start with these are skipped, as in Hadoop; logs in them are reported."""
_OF_SEVERAL = re.compile(r"-x\d+(\.|$)")
_SHOWN = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """The files of a log, and notes on where they were found."""

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def find_log_files(paths: Sequence[str | Path]) -> Found:
    """The files of a log.

    Parameters
    ----------
    paths : sequence of str or Path
        Each a file, a directory (all logs in it, at any depth), or a pattern.

    Returns
    -------
    Found
        `files` in the order of `paths`, sorted by name within a directory or a pattern, each
        once; `notes`, what to know about where they were found.

    Raises
    ------
    InputError
        Where a path leads to no file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from offline import find_log_files
    >>> for name in ("data.json.1", "data.json.2", "other.txt"):
    ...     _ = Path(name).write_text("")
    >>> [file.name for file in find_log_files(["."]).files]
    ['data.json.1', 'data.json.2']
    """
    found: dict[Path, Path] = {}
    notes: list[str] = []
    for path in paths:
        for file in _files_behind(path, notes):
            found.setdefault(file.resolve(), file)
    if not found:
        raise InputError("no logs given: name a log file, a directory or a pattern")
    return Found(tuple(found.values()), tuple(dict.fromkeys(notes)))


def _files_behind(name: str | Path, notes: list[str]) -> list[Path]:
    if is_address(name):
        raise InputError(f"{name} is no local path: only --engine spark reads others")
    path = Path(name)
    if path.is_dir():
        files = _inside(path, notes)
        if not files:
            raise no_log_in(path)
        return files
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    # A directory that a pattern leads to is one like any other, but need not hold logs.
    groups = [_inside(match, notes) if match.is_dir() else [match] for match in matches]
    files = [file for group in groups for file in group if file.is_file()]
    if not files:
        raise no_such_log(path)
    return files


def _inside(directory: Path, notes: list[str]) -> list[Path]:
    """Logs in a directory and below it; the notes name those below."""
    files, aside = sort_logs(_walk(directory), lambda file: file.relative_to(directory).parts)
    files = sorted(file for file in files if file.is_file())
    notes += notes_on(
        directory,
        [str(file.parent.relative_to(directory)) for file in files],
        [str(file.parent.relative_to(directory)) for file in aside if file.is_file()],
    )
    return files


def _walk(directory: Path) -> Iterator[Path]:
    """Every file below; links are followed, each directory once."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error

    seen: set[str] = set()
    for top, inner, names in os.walk(directory, followlinks=True, onerror=refuse):
        seen.add(os.path.realpath(top))
        inner[:] = sorted(
            name for name in inner if os.path.realpath(os.path.join(top, name)) not in seen
        )
        yield from (Path(top, name) for name in names)


def sort_logs(files: Iterable[T], parts: Callable[[T], Sequence[str]]) -> tuple[list[T], list[T]]:
    """The logs among files, and those that lie in a folder that is passed over.

    `parts` are the names on the way to a file from the directory that was asked for.
    """
    found: list[T] = []
    aside: list[T] = []
    for file in files:
        *folders, name = parts(file)
        if any(fnmatchcase(name, pattern) for pattern in NAMES):
            (aside if any(folder.startswith(ASIDE) for folder in folders) else found).append(file)
    return found, aside


def notes_on(directory: Path | str, folders: Sequence[str], aside: Sequence[str]) -> Iterator[str]:
    """The note on a directory, by the folders below it in which its logs are."""
    below = sorted({folder for folder in folders if folder != "."})
    if below:
        files = sum(folder != "." for folder in folders)
        yield (
            f"{directory}: {_count(files, 'log')} of {_count(len(below), 'sub-folder')} read as "
            f"well: {_some(below)}"
        )
    if aside:
        yield (
            f"{directory}: {_count(len(aside), 'log')} not read, in folders whose names begin "
            f"with _ or .: {_some(sorted(set(aside)))}"
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def is_address(path: str | Path) -> bool:
    """Whether it is one such as `hdfs://namenode:8020/logs`, and not of the local file system."""
    return "://" in str(path)


def no_log_in(directory: Path | str) -> InputError:
    """For a directory without logs in it and in its sub-directories."""
    return InputError(
        f"no log in {directory}: a directory of logs holds files named data.json*, itself or in "
        "its sub-directories; name a file of another name"
    )


def no_such_log(path: Path | str) -> InputError:
    """For a path that leads nowhere."""
    return InputError(
        f"no such log: {path} (give a log file, a directory with data.json*, or a pattern)"
    )


def is_of_several(path: Path | str) -> bool:
    """Whether the data client put several logs into it, one after the other."""
    file = Path(path)
    if file.name == "data.json" and (file.parent.parent / "_manifest").is_dir():
        return True  # those of all workers of a recommender
    return _OF_SEVERAL.search(file.name) is not None
