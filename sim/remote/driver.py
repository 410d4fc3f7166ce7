"""Plays sessions against the service, each at its own pace."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

from sim.engine.sessions import Ended
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote.handshake import hello
from sim.remote.http_pool import Exchanges
from sim.remote.service import ServiceOptions
from sim.remote.session_loop import Run
from sim.world import World

INTERRUPTED = "interrupted"
"""What stopped a run that Ctrl-C did."""


@dataclass(frozen=True)
class Driven:
    """What a run came to. `summary` holds the finished sessions and no others.

    `failed` sessions were cut short because a request failed. `unclosed` ones
    are finished and in the summary, but their `last` failed, so that the log
    may lack their end. `requests` counts what was sent, `retries` included.
    `stopped` says in one line why the run ended early, None if it did not.
    """

    summary: Summary
    failed: int = 0
    unclosed: int = 0
    retries: int = 0
    requests: int = 0
    stopped: str | None = None


class DriveError(InputError):
    """The service is no use; `driven` is what the run came to until then."""

    def __init__(self, message: str, driven: Driven) -> None:
        super().__init__(message, driven)  # both, so that it can be sent to another process
        self.driven = driven

    def __str__(self) -> str:
        return str(self.args[0])


def drive(
    world: World,
    service: ServiceOptions,
    *,
    seed: int,
    episodes: Iterable[int],
    progress: Callable[[Ended], object] = lambda ended: None,
) -> Driven:
    """Play `episodes` (any number: they are read as needed) against a running service.

    The outcome of a session depends on (seed, episode) and the service's
    answers alone. `progress` receives the sessions that just finished. A
    service that goes away, and Ctrl-C, end the run early with what was
    finished. Raises DriveError where nothing was finished before the service
    went away, and for an answer that will not get better; InputError where it
    is not there to begin with.
    """
    with closing(Exchanges(hello(service), service)) as exchanges:
        run = Run(world, service, exchanges, seed, episodes, progress)

        def driven(stopped: str | None) -> Driven:
            requests = exchanges.retries, exchanges.requests
            return Driven(run.summary, run.failed, run.unclosed, *requests, stopped)

        try:
            return driven(run.play())
        except KeyboardInterrupt:
            return driven(INTERRUPTED)
        except InputError as error:
            raise DriveError(str(error), driven(str(error))) from error
