"""Ctrl-C during a query of DuckDB, which raises its own errors instead of KeyboardInterrupt."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb


def is_interrupt(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, is a query that Ctrl-C ended.

    >>> is_interrupt(RuntimeError("Query interrupted"))
    True
    >>> is_interrupt(RuntimeError("out of luck"))
    False
    """
    while error is not None:
        if isinstance(error, duckdb.InterruptException):
            return True
        if type(error) is RuntimeError and str(error) == "Query interrupted":
            return True
        error = error.__cause__
    return False


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for a query that was interrupted, also where an error wraps it."""
    try:
        yield
    except Exception as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise
