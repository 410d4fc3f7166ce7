"""Compiles plain loops to machine code: `@compiled` is numba's njit, cached on disk."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

_Function = TypeVar("_Function", bound=Callable[..., Any])

_HERE = Path(__file__).parent

# Lets the compiler merge independent sums into wide instructions. numba turns that
# off and has no switch per function; results are the same.
vars(config)["SLP_VECTORIZE"] = 1


def _cache() -> Path | None:
    """A folder for this state of the compiled sources; None if none can be written.

    numba checks a function's own file for changes, not the files of the
    functions that it calls: one folder per state keeps stale code from running.
    """
    state = sha256()
    for source in sorted(_HERE.rglob("*.py")):
        if b"@compiled" in (text := source.read_bytes()):
            state.update(text)
    for root in (_HERE / "__pycache__", Path("~/.cache/botify")):
        try:
            folder = root.expanduser() / f"compiled-{state.hexdigest()[:16]}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".writable").touch()
        except (OSError, RuntimeError):  # RuntimeError: the user has no home
            continue
        return folder
    return None


_CACHE = _cache()


def is_cold() -> bool:
    """Whether nothing is compiled yet, so that the first run takes longer."""
    return _CACHE is None or not any(_CACHE.rglob("*.nbi"))


def compiled(function: _Function) -> _Function:
    """The function, compiled at its first call with arguments of some types.

    Floating-point operations are neither reordered nor fused, so that results
    equal those of the same lines in Python.
    """
    settings = vars(config)
    before = settings["CACHE_DIR"]
    settings["CACHE_DIR"] = str(_CACHE or "")
    try:
        return cast(_Function, numba.njit(cache=_CACHE is not None)(function))
    finally:
        settings["CACHE_DIR"] = before
