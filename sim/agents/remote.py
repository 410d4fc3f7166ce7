"""Asks the service over HTTP, over kept-alive connections."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from sim.agents.base import Answer, Turn
from sim.agents.connection import Connection
from sim.errors import InputError
from sim.world import World


class Remote:
    """The recommender behind `POST /next` and `POST /last` of a running service.

    `connections` requests are under way at once. The service knows users, not
    sessions, so no user ever has two sessions in flight. Raises InputError
    that names the service for anything but a well-formed answer.
    """

    name = "remote"
    one_session_per_user = True

    def __init__(self, host: str, port: int, connections: int, timeout: float) -> None:
        self._where = f"http://{host}:{port}"
        self._links = [Connection(host, port, timeout) for _ in range(connections)]

    def begin(self, world: World, slots: int) -> None:
        self._send(self._links[0], "GET", "/")
        self._receive(self._links[0], "/")

    def recommend(self, turn: Turn) -> Answer:
        tracks = []
        for path, answer in self._ask("next", turn):
            track = answer.get("track")
            if type(track) is not int or abs(track) >= 2**63:
                raise InputError(
                    f"{self._where}{path}: answered {answer}, without a track: is it botify?"
                )
            tracks.append(track)
        return Answer(np.asarray(tracks, dtype=np.int64))

    def end(self, turn: Turn) -> None:
        for _ in self._ask("last", turn):
            pass

    def close(self) -> None:
        for link in self._links:
            link.close()

    def _ask(self, route: str, turn: Turn) -> Iterator[tuple[str, dict[str, Any]]]:
        """One request per session of the turn; yields path and answer in the turn's order.

        All connections carry a request before the first answer is waited for:
        the service works on them together, and one thread here is enough.
        """
        users, tracks, times = turn.users.tolist(), turn.tracks.tolist(), turn.times.tolist()
        paths = [f"/{route}/{user}" for user in users]
        for start in range(0, len(paths), len(self._links)):
            some = range(start, min(start + len(self._links), len(paths)))
            for i, link in zip(some, self._links, strict=False):
                body = f'{{"track":{tracks[i]},"time":{times[i]!r}}}'
                self._send(link, "POST", paths[i], body.encode())
            for i, link in zip(some, self._links, strict=False):
                yield paths[i], self._receive(link, paths[i])

    def _send(self, link: Connection, method: str, path: str, body: bytes = b"") -> None:
        try:
            link.send(method, path, body)
        except (OSError, UnicodeError) as error:  # a host name that is none is a UnicodeError
            raise self._unanswered(path, error) from error

    def _receive(self, link: Connection, path: str) -> dict[str, Any]:
        try:
            status, content = link.receive()
        except OSError as error:
            raise self._unanswered(path, error) from error
        try:
            answer = orjson.loads(content)
        except ValueError:
            answer = None
        if status != 200 or not isinstance(answer, dict):
            raise InputError(
                f"{self._where}{path}: answered {status} {content[:200]!r}, "
                f"200 and a JSON object were expected"
            )
        return answer

    def _unanswered(self, path: str, error: Exception) -> InputError:
        return InputError(
            f"{self._where}{path}: no answer ({error}): is the service running? "
            f"`make serve` starts it"
        )
