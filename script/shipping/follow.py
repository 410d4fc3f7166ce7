"""Ships in rounds while the service writes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from script.shipping.errors import InputError, ShipError

MAX_FAILURES = 5
"""Consecutive failures after which following ends."""


def follow(once: Callable[[], None], every: float, failed: Callable[[Exception], None]) -> None:
    """Run `once` every `every` seconds until SIGTERM or SIGINT; a running round is completed.

    A round that fails is reported to `failed` and repaired by the next one, as the record at the
    target says what is missing. Raises the error of the MAX_FAILURES-th failure in a row, the
    last one if it is stopped before a round succeeds again, and an InputError of the first round.
    """
    failures = 0
    began = False
    with _stop_signals() as stopped:
        while True:
            try:
                once()
                began, failures = True, 0
            except (ShipError, InputError, OSError) as error:
                failures += 1
                if failures == MAX_FAILURES or (isinstance(error, InputError) and not began):
                    raise
                failed(error)
                if stopped.wait(every):
                    raise
            else:
                if stopped.wait(every):
                    return


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    stopped = threading.Event()
    numbers = signal.SIGTERM, signal.SIGINT
    before = [signal.signal(number, lambda *_: stopped.set()) for number in numbers]
    try:
        yield stopped
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
