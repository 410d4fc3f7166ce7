"""Requests in flight over many connections: deadlines, retries, and the result of each."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from selectors import DefaultSelector
from time import monotonic
from typing import NamedTuple

from sim.errors import InputError
from sim.remote.failure_limits import FailureLimits
from sim.remote.http_connection import Address, Connection, UnsentError, request
from sim.remote.http_parser import NotHttpError, Reply
from sim.remote.service_options import ServiceOptions

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds


class RequestResult(NamedTuple):
    """The result of a slot's request: the body of its 200 answer, None if it failed."""

    slot: int
    body: bytes | None


@dataclass(slots=True)
class _Request:
    path: str
    content: bytes
    once: bool
    attempts: int = 0
    refused_since: float = 0.0


class HttpPool:
    """One request at a time for each slot, all slots at once, in one thread.

    A request that the service did not handle (no connection, 429 or 503) is
    sent again for `retry_seconds`, after a pause that doubles. A request that
    the service may have handled (cut off or timed out after it was sent, or
    answered with another 5xx) fails. Any other answer but a 200 raises
    InputError, since repeating the request would not help.

    `requests` counts all requests sent, `retries` those sent again.
    """

    def __init__(self, address: Address, service: ServiceOptions) -> None:
        self.requests = 0
        self.retries = 0
        self.limits = FailureLimits(service)
        self._service = service
        self._selector = DefaultSelector()
        slots = range(service.connections)
        self._connections = [Connection(address, self._selector, slot) for slot in slots]
        self._current: dict[int, _Request] = {}
        # All requests have the same timeout, so deadlines pass in the order of sending.
        self._deadlines: dict[int, float] = {}
        self._pausing: list[tuple[float, int]] = []
        self._results: list[RequestResult] = []

    def ask(self, slot: int, path: str, body: str, *, once: bool = False) -> None:
        """Send a POST with a JSON body; `wait` will return its result.

        With `once` it is not sent again, any bad answer is a failure, and a
        good one does not count as a sign that the service works.
        """
        content = request("POST", path, self._service.authority, body)
        self._current[slot] = _Request(path, content, once)
        self._send(slot)

    def wait(self) -> list[RequestResult]:
        """Waits until something happens; returns the requests that are done, perhaps none."""
        for key, _ in self._selector.select(self._poll_timeout()):
            self._attempt(key.data, self._receive)
        # Only now: an answer that came while this thread was busy elsewhere is not late.
        now = monotonic()
        while self._deadlines:
            slot, deadline = next(iter(self._deadlines.items()))
            if deadline > now:
                break
            self._attempt(slot, self._time_out)
        while self._pausing and self._pausing[0][0] <= now:
            _, slot = heapq.heappop(self._pausing)
            self.retries += 1
            self._send(slot)
        results, self._results = self._results, []
        return results

    def close(self) -> None:
        """Close all connections; requests without an answer are given up."""
        for connection in self._connections:
            connection.close()
        self._selector.close()

    def _poll_timeout(self) -> float:
        """Seconds until something other than receiving is due."""
        if self._results:
            return 0.0
        ends = [next(iter(self._deadlines.values()))] if self._deadlines else []
        if self._pausing:
            ends.append(self._pausing[0][0])
        return max(0.0, min(ends, default=0.0) - monotonic())

    def _send(self, slot: int) -> None:
        self.requests += 1
        self._deadlines[slot] = monotonic() + self._service.timeout_seconds
        self._attempt(slot, self._transmit)

    def _attempt(self, slot: int, step: Callable[[int], None]) -> None:
        try:
            step(slot)
        except UnsentError as error:
            self._refused(slot, error.strerror or str(error))
        except OSError as error:
            self._failed(slot, error.strerror or str(error))
        except NotHttpError as error:
            self._wrong(slot, str(error))

    def _transmit(self, slot: int) -> None:
        self._connections[slot].send(self._current[slot].content)

    def _receive(self, slot: int) -> None:
        reply = self._connections[slot].receive()
        if reply is not None:
            self._judge(slot, reply)

    def _time_out(self, slot: int) -> None:
        connecting = self._connections[slot].connecting
        self._connections[slot].close()
        time = f"within {self._service.timeout_seconds:g} s"
        if connecting:
            raise UnsentError(f"no connection {time}")
        raise TimeoutError(f"no answer {time}")

    def _judge(self, slot: int, reply: Reply) -> None:
        status, headers, body, _ = reply
        if status == 200:
            if not self._current[slot].once:
                self.limits.answered()
            self._end(slot, body)
            return
        answer = f"answered {status} {body[:200]!r}"
        if status in (429, 503):
            retry_after = headers.get(b"retry-after", b"")
            self._refused(slot, answer, int(retry_after) if retry_after.isdigit() else 0)
        elif status >= 500:
            self._failed(slot, answer)
        else:
            self._wrong(slot, f"{answer}, 200 and a JSON object were expected")

    def _refused(self, slot: int, why: str, pause: float = 0.0) -> None:
        asked, now = self._current[slot], monotonic()
        if asked.once:
            self._end(slot, None)
            return
        if not asked.attempts:
            asked.refused_since = now
        retry_until = asked.refused_since + self._service.retry_seconds
        if now >= retry_until:
            self.limits.refused(f"{asked.path}: {why}", asked.refused_since)
            self._failed(slot, why)
            return
        pause = max(pause, min(_FIRST_PAUSE * 2.0**asked.attempts, _LONGEST_PAUSE))
        asked.attempts += 1
        del self._deadlines[slot]
        heapq.heappush(self._pausing, (min(now + pause, retry_until), slot))

    def _failed(self, slot: int, why: str) -> None:
        self.limits.failed(f"{self._current[slot].path}: {why}")
        self._end(slot, None)

    def _wrong(self, slot: int, why: str) -> None:
        asked = self._current[slot]
        if not asked.once:
            raise InputError(f"{self._service.url}{asked.path}: {why}")
        self._end(slot, None)

    def _end(self, slot: int, body: bytes | None) -> None:
        del self._current[slot], self._deadlines[slot]
        self._results.append(RequestResult(slot, body))
