"""Writes played sessions as the service's event log (JSON Lines)."""

from pathlib import Path
from types import TracebackType

import orjson

from sim.clock import Clock
from sim.errors import InputError
from sim.events import Events


class JsonLog:
    """`data.json` in a directory: one line per event, fields as the service writes them.

    No experiment runs in process and nothing is served, so `experiments` is
    empty and `latency` 0. Use as a context manager.
    """

    def __init__(self, directory: Path, recommender: str, clock: Clock) -> None:
        path = directory / "data.json"
        self._recommender = recommender
        self._clock = clock
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb")
        except FileExistsError:
            raise InputError(f"{path} is there already: remove it or name another place") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error

    def write(self, events: Events) -> None:
        columns = (
            events.episodes.tolist(),
            self._clock.stamp(events).tolist(),
            events.users.tolist(),
            events.tracks.tolist(),
            events.times.tolist(),
            events.is_last.tolist(),
            events.recommendations.tolist(),
            events.ranks.tolist(),
            events.propensities.tolist(),
        )
        lines = bytearray()
        for episode, stamp, user, track, time, last, answer, rank, chance in zip(
            *columns, strict=True
        ):
            lines += orjson.dumps(
                {
                    "message": "last" if last else "next",
                    "timestamp": stamp,
                    "user": user,
                    "track": track,
                    "time": time,
                    "latency": 0.0,
                    "recommendation": None if last else answer,
                    "experiments": {},
                    "session": str(episode),
                    "recommender": self._recommender,
                    "rank": rank if rank >= 0 else None,
                    "propensity": chance if chance == chance else None,  # null for nan
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
        self._file.write(lines)

    def __enter__(self) -> "JsonLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
