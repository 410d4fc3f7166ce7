"""Trying again what may only be away for now."""

import time
from collections.abc import Callable
from typing import TypeVar

from script.shipping.errors import UnavailableError

T = TypeVar("T")
_FIRST_DELAY = 0.5


def patiently(do: Callable[[], T], patience: float) -> T:
    """What `do` returns; where it raises UnavailableError, it is done again a little later.

    After `patience` seconds of waiting, in all, the error is raised. `do` must be such that doing
    it twice is doing it once.
    """
    delay = _FIRST_DELAY
    while True:
        try:
            return do()
        except UnavailableError:
            if patience <= 0:
                raise
            time.sleep(min(delay, patience))
            patience -= delay
            delay *= 2
