"""Retries with a growing delay, for what may be unavailable only for a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

from script.shipping.errors import UnavailableError

T = TypeVar("T")
_FIRST_DELAY = 0.5


def retry_for(do: Callable[[], T], seconds: float) -> T:
    """What `do` returns; if it raises UnavailableError, call it again a little later.

    The error is raised once the pauses add up to `seconds`. `do` must be idempotent.
    """
    delay = _FIRST_DELAY
    while True:
        try:
            return do()
        except UnavailableError:
            if seconds <= 0:
                raise
            time.sleep(min(delay, seconds))
            seconds -= delay
            delay *= 2
