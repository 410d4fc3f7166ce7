"""Plays sessions against a service, each at its own pace."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

from sim.engine.sessions import EndedSessions
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote.handshake import find_service
from sim.remote.http_pool import HttpPool
from sim.remote.service_options import ServiceOptions
from sim.remote.session_loop import SessionLoop
from sim.world import World

INTERRUPTED = "interrupted"
"""The `stopped` of a run that Ctrl-C ended."""


@dataclass(frozen=True)
class DriveResult:
    """The result of driving a service.

    Attributes
    ----------
    summary : Summary
        The finished sessions and no others.
    failed : int
        Sessions cut short because a request failed.
    unclosed : int
        Sessions that finished and are in the summary, but whose `last` failed:
        the service's log may lack their end.
    retries : int
        Requests sent again.
    requests : int
        All requests sent, retries included.
    stopped : str or None
        Why the run ended early, in one line; None if it did not.
    """

    summary: Summary
    failed: int = 0
    unclosed: int = 0
    retries: int = 0
    requests: int = 0
    stopped: str | None = None


class DriveError(InputError):
    """The service cannot be played against; `result` is what the run came to until then."""

    def __init__(self, message: str, result: DriveResult) -> None:
        super().__init__(message, result)  # both, so that it can be sent to another process
        self.result = result

    def __str__(self) -> str:
        return str(self.args[0])


def drive(
    world: World,
    service: ServiceOptions,
    *,
    seed: int,
    episodes: Iterable[int],
    progress: Callable[[EndedSessions], object] = lambda ended: None,
) -> DriveResult:
    """Play episodes against a running service, over HTTP.

    The outcome of a session depends on (seed, episode) and the service's
    answers alone. A service that goes away, and Ctrl-C, end the run early with
    the sessions finished until then.

    Parameters
    ----------
    world : World
        The catalog must be the service's.
    service : ServiceOptions
        Where the service is, and for how long to wait for it.
    seed : int
        0 <= seed < 2**64.
    episodes : iterable of int
        Numbers of the sessions to play, read as needed.
    progress : callable, optional
        Receives the `EndedSessions` that just finished.

    Returns
    -------
    DriveResult

    Raises
    ------
    InputError
        If nothing answers at the service's address.
    DriveError
        If the service went away before a session was finished, or gave an
        answer that is not the protocol's.

    Examples
    --------
    >>> from sim import GeneratorOptions, ServiceOptions, drive, generate
    >>> world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> drive(  # doctest: +ELLIPSIS
    ...     world, ServiceOptions(port=1), seed=1, episodes=range(10)
    ... )
    Traceback (most recent call last):
    sim.errors.InputError: http://127.0.0.1:1/: no answer ([Errno 111] Connection refused)...
    """
    with closing(HttpPool(find_service(service), service)) as pool:
        loop = SessionLoop(world, service, pool, seed, episodes, progress)

        def result(stopped: str | None) -> DriveResult:
            requests = pool.retries, pool.requests
            return DriveResult(loop.summary, loop.failed, loop.unclosed, *requests, stopped)

        try:
            return result(loop.play())
        except KeyboardInterrupt:
            return result(INTERRUPTED)
        except InputError as error:
            raise DriveError(str(error), result(str(error))) from error
