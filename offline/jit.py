"""Compiles plain loops to machine code: `@compiled(...)` is numba's njit, kept on disk."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba.core.caching import FunctionCache


class _Cache(FunctionCache):
    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):  # a full disk: the function is compiled anew next time
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]  # numba's


def compiled(
    parallel: bool = False, fastmath: bool = False, nogil: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """njit with these options, compiled when first called with arguments of some types.

    `nogil`: other Python threads run meanwhile. A parallel function must not be called by two at a
    time.

    The code is kept beside the source, or in the user's cache directory; where neither can be
    written, as in a container without a home, it is compiled anew by each process. A function that
    calls another compiled one must be in the same file: numba notices no change elsewhere.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        made: Any = numba.njit(parallel=parallel, fastmath=fastmath, nogil=nogil)(function)
        with suppress(RuntimeError):  # what numba raises where it finds no place
            made._cache = _Cache(function)  # type: ignore[no-untyped-call]  # numba's
        return made

    return compile_
