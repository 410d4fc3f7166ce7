"""Two simpler services, as baselines: `python -m bench.serve.baselines sketch`.

Both speak the same protocol on the same data, with Flask-RESTful and Redis, and keep the event
log. `sketch` is an experienced engineer's afternoon of work: one Lua script per request, orjson,
gunicorn with two workers of four threads. `older` is a common older design: JSON values read from
Redis and written back with each request, under Flask's own server.
"""

import json
import os
import random
import sys
import time
from operator import itemgetter
from pathlib import Path
from typing import Any

import click
import mmh3
import orjson
import redis
from flask import Flask, request
from flask_restful import Api, Resource, abort

SESSION = 21600
EXPERIMENT = "DAE_VS_CONTEXTUAL"
SEED = mmh3.hash(EXPERIMENT)

NEXT = """
redis.call('SADD', KEYS[1], ARGV[1])
local offered
if ARGV[2] == 'C' then
  local count = redis.call('LLEN', KEYS[2])
  if count > 0 then
    offered = redis.call('LINDEX', KEYS[2], math.floor(tonumber(ARGV[3]) * count))
  end
else
  for _, list in ipairs({KEYS[2], KEYS[3]}) do
    for _, track in ipairs(redis.call('LRANGE', list, 0, -1)) do
      if redis.call('SISMEMBER', KEYS[1], track) == 0 then offered = track break end
    end
    if offered then break end
  end
end
offered = offered or ARGV[4]
redis.call('SADD', KEYS[1], offered)
redis.call('EXPIRE', KEYS[1], ARGV[5])
return tonumber(offered)
"""


class Sketch:
    """Lists and seen tracks are Redis's own types; a script picks the track."""

    def __init__(self, client: "redis.Redis") -> None:
        self.client = client
        self.next_track: Any = client.register_script(NEXT)

    def load(self, data: Path) -> None:
        """Fill Redis, a thousand lists at a time."""
        pipeline = self.client.pipeline(transaction=False)
        for number, (key, tracks) in enumerate(read_lists(data), start=1):
            pipeline.delete(key)
            pipeline.rpush(key, *tracks)
            if number % 1000 == 0:
                pipeline.execute()
        pipeline.execute()

    def next(self, user: int, track: int, treatment: str, n_tracks: int) -> int:
        source = f"neighbours:{track}" if treatment == "C" else f"list:{user}"
        chance = random.random(), random.randrange(n_tracks)
        offered: int = self.next_track(
            (f"seen:{user}", source, "top"), (track, treatment, *chance, SESSION)
        )
        return offered

    def last(self, user: int) -> None:
        self.client.delete(f"seen:{user}")


class Older:
    """All that Redis holds is JSON text."""

    def __init__(self, client: "redis.Redis") -> None:
        self.client = client

    def load(self, data: Path) -> None:
        """Fill Redis, a thousand lists at a time."""
        pipeline = self.client.pipeline(transaction=False)
        for number, (key, tracks) in enumerate(read_lists(data), start=1):
            pipeline.set(key, json.dumps(tracks))
            if number % 1000 == 0:
                pipeline.execute()
        pipeline.execute()

    def next(self, user: int, track: int, treatment: str, n_tracks: int) -> int:
        seen = {*self._read(f"seen:{user}"), track}
        if treatment == "C":
            neighbours = self._read(f"neighbours:{track}") or range(n_tracks)
            offered = random.choice(neighbours)
        else:
            unseen = (t for t in self._read(f"list:{user}") if t not in seen)
            offered = next(unseen, -1)
            if offered < 0:
                top = (t for t in self._read("top") if t not in seen)
                offered = next(top, random.randrange(n_tracks))
        self.client.set(f"seen:{user}", json.dumps([*seen, offered]), ex=SESSION)
        return offered

    def last(self, user: int) -> None:
        self.client.delete(f"seen:{user}")

    def _read(self, key: str) -> list[int]:
        value: Any = self.client.get(key)
        return json.loads(value) if value else []


KINDS: dict[str, type[Sketch] | type[Older]] = {"sketch": Sketch, "older": Older}


def read_lists(data: Path) -> Any:
    """Key and tracks of each list."""
    with (data / "lists/recommendations.json").open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            yield f"list:{row['user']}", row["tracks"]
    with (data / "lists/neighbours.json").open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            yield f"neighbours:{row['track']}", row["recommendations"]
    yield "top", orjson.loads((data / "lists/top_tracks.json").read_bytes())


class Hello(Resource):  # type: ignore[misc]  # flask_restful has no types
    def get(self) -> dict[str, str]:
        return {"status": "alive", "message": "hello"}


class Track(Resource):  # type: ignore[misc]  # flask_restful has no types
    def __init__(self, tracks: list[dict[str, Any]]) -> None:
        self.tracks = tracks

    def get(self, track: int) -> dict[str, Any]:
        if track >= len(self.tracks):
            abort(404, message=f"there is no track {track}")
        return self.tracks[track]


class Playback(Resource):  # type: ignore[misc]  # flask_restful has no types
    def __init__(self, tracks: list[dict[str, Any]], sessions: Any, log: Any) -> None:
        self.tracks, self.sessions, self.log = tracks, sessions, log

    def post(self, user: int) -> dict[str, int]:
        started = time.perf_counter()
        try:
            fields = orjson.loads(request.data)
            track, share = fields["track"], fields["time"]
            good = type(track) is int and 0 <= track < len(self.tracks) and 0 <= share <= 1
        except (ValueError, TypeError, KeyError):
            good = False
        if not good:
            abort(400, message='expected {"track": a known track, "time": 0 to 1}')
        treatment = ("C", "T1")[mmh3.hash(str(user), SEED, signed=False) % 2]
        message, offered = self.handle(user, track, treatment)
        event = {
            "message": message,
            "timestamp": time.time_ns() // 1_000_000,
            "user": user,
            "track": track,
            "time": float(share),
            "latency": time.perf_counter() - started,
            "recommendation": offered,
            "experiments": {EXPERIMENT: treatment},
        }
        self.log.write(orjson.dumps(event) + b"\n")
        return {"user": user} if offered is None else {"user": user, "track": offered}

    def handle(self, user: int, track: int, treatment: str) -> tuple[str, int | None]:
        raise NotImplementedError


class Next(Playback):
    def handle(self, user: int, track: int, treatment: str) -> tuple[str, int | None]:
        return "next", self.sessions.next(user, track, treatment, len(self.tracks))


class Last(Playback):
    def handle(self, user: int, track: int, treatment: str) -> tuple[str, int | None]:
        self.sessions.last(user)
        return "last", None


def create_app(kind: str, data: str, log_dir: str) -> Flask:
    """The application; gunicorn calls this in each worker."""
    with (Path(data) / "world/tracks.json").open("rb") as file:
        tracks = sorted(map(orjson.loads, file), key=itemgetter("track"))
    # One write of one line, straight to the file.
    log = (Path(log_dir) / f"data.json.{os.getpid()}").open("ab", buffering=0)
    sessions = KINDS[kind](redis.Redis.from_url(os.environ["REDIS_URL"]))
    plays = {"tracks": tracks, "sessions": sessions, "log": log}
    app = Flask(__name__)
    app.extensions |= {"sessions": sessions, "log": log}
    api = Api(app)
    api.add_resource(Hello, "/")
    api.add_resource(Track, "/track/<int:track>", resource_class_kwargs={"tracks": tracks})
    api.add_resource(Next, "/next/<int:user>", resource_class_kwargs=plays)
    api.add_resource(Last, "/last/<int:user>", resource_class_kwargs=plays)
    return app


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--data-dir", type=Path, required=True)
@click.option("--log-dir", type=Path, required=True)
@click.option("--port", type=int, required=True)
def main(kind: str, data_dir: Path, log_dir: Path, port: int) -> None:
    """Fill the Redis at REDIS_URL, then serve."""
    log_dir.mkdir(parents=True, exist_ok=True)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        KINDS[kind](client).load(data_dir)
    if kind == "older":
        create_app(kind, str(data_dir), str(log_dir)).run(port=port, threaded=True)
        return
    factory = f"bench.serve.baselines:create_app({kind!r}, {str(data_dir)!r}, {str(log_dir)!r})"
    gunicorn = [sys.executable, "-m", "gunicorn", "--chdir", str(Path(__file__).parents[2])]
    options = ["--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}"]
    os.execv(sys.executable, [*gunicorn, *options, "--log-level", "warning", factory])


if __name__ == "__main__":
    main()
