"""A lock that its holder has to renew, for stores that do not notice when a client dies."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from offline.errors import InputError

SECONDS = 5.0
"""For which a lease holds. Who was killed keeps others waiting for so long."""
_RENEWED = 1.0
WAIT = 60.0


@contextmanager
def leased(
    where: str, take: Callable[[str], bool], release: Callable[[str], object]
) -> Iterator[str]:
    """Hold a lease, by a token that nobody else has.

    `take(token)`: takes it if it is free, or renews what the token holds; whether it did.
    Raises InputError where somebody else holds it for longer than a minute.
    """
    token, done = uuid.uuid4().hex, threading.Event()
    wait_for(where, lambda: take(token))

    def renew() -> None:
        while not done.wait(_RENEWED):
            with suppress(Exception):  # a store that is away: what is done there fails as well
                take(token)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield token
    finally:
        done.set()
        thread.join()
        with suppress(Exception):  # it ends by itself
            release(token)


def wait_for(where: str, take: Callable[[], bool]) -> None:
    """Return once `take` says so. Raises InputError after a minute."""
    end = time.monotonic() + WAIT
    while not take():
        if time.monotonic() > end:
            raise InputError(f"{where}: somebody else is publishing there: try again later")
        time.sleep(0.1)
