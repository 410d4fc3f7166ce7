"""The daily loop: serve, log, retrain, and serve the new models without a restart.

The models of day 0 are trained on sessions under a random recommender. On each later day all
recommenders serve, and DAE_SESSION explores with a share of its answers; every night the models
are retrained on everything logged so far, and the running service loads them. The table shows
each recommender's normalised score (0 = Random, 100 = Oracle), and whether the loop feeds on
itself: how many different tracks are recommended, and what share of answers are popular tracks.
"""

import hashlib
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import click
import duckdb
import yaml

from contract.events import EVENT, LOG_NAME
from contract.files import SESSION_MODEL, TOP_TRACKS
from pipeline.steps import DAE_SESSION, Loop, step

_MODEL = Path("lists") / SESSION_MODEL
_RELOAD_SECONDS = 60
_OFFERS = """
SELECT recommender, COUNT(*) AS offers, COUNT(DISTINCT recommendation) AS tracks,
    AVG(CASE WHEN list_contains($popular, recommendation) THEN 1.0 ELSE 0.0 END) AS popular
FROM read_json($log, format = 'newline_delimited', columns = $columns)
WHERE message = 'next' AND timestamp >= $since
GROUP BY recommender
"""


_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "object": "JSON"}
# A user's id may be larger than any integer of a database, and is not needed here.
_COLUMNS = {field.name: _TYPES[field.kind] for field in EVENT if field.name != "user"}


@click.command()
@click.option("--out", type=Path, default=Path("out/days"), show_default=True)
@click.option(
    "--seed", default=31337, show_default=True, help="The same seed gives the same days."
)
@click.option("--days", default=3, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--collect", default=150_000, show_default=True, help="Random sessions before the first day."
)
@click.option("--episodes", default=20_000, show_default=True, help="Sessions a day.")
@click.option("--rungs", default=5_000, show_default=True, help="Sessions of each ladder.")
@click.option("--explore", default=0.1, show_default=True, help="Share of answers that explore.")
@click.option("--users", type=int, help="Listeners of the world.")
@click.option("--tracks", type=int, help="Tracks of the world.")
def main(
    out: Path,
    seed: int,
    days: int,
    collect: int,
    episodes: int,
    rungs: int,
    explore: float,
    users: int | None,
    tracks: int | None,
) -> None:
    """Simulate several days and retrain every night; results are written to --out."""
    loop = Loop(out, seed, DAE_SESSION)
    step("day 0: a world, and sessions under a random recommender")
    loop.world(None, users, tracks)
    loop.collect(collect)
    loop.train()
    popular: list[int] = json.loads((out / "lists" / TOP_TRACKS).read_text())[:100]
    found = [_measured(loop, 0, rungs, collect, {})]
    recommenders = yaml.safe_load(DAE_SESSION.config.read_text())["recommenders"]
    recommenders["dae_session"]["explore"] = {"share": explore}
    with loop.service(loop.config("days.yml", recommenders=recommenders)) as port:
        for day in range(1, days + 1):
            step(f"day {day}: listeners use the service; at night models are retrained")
            since = time.time_ns() // 1_000_000
            loop.play(episodes, port, day)
            time.sleep(2)  # workers flush their log every second
            offers = _offers(out / "log", since, popular)
            loop.gather("collected", "log")
            loop.train()
            _wait(port, out / _MODEL)
            found.append(_measured(loop, day, rungs, collect + day * episodes, offers))
    (out / "days.json").write_text(json.dumps(found, indent=2) + "\n")
    step("results")
    click.echo("\n".join(_table(found)))


def _measured(
    loop: Loop, day: int, rungs: int, sessions: int, offers: dict[str, Any]
) -> dict[str, Any]:
    loop.ladder(rungs)
    ladder: list[dict[str, Any]] = json.loads((loop.out / "ladder.json").read_text())
    shares = {rung["recommender"]: rung["normalised_score"] / 100 for rung in ladder}
    return {"day": day, "sessions": sessions, "shares": shares, "offers": offers}


def _offers(log: Path, since: int, popular: list[int]) -> dict[str, Any]:
    """What each recommender answered since `since` (ms since the epoch)."""
    values = {
        "log": str(log / f"{LOG_NAME}*"),
        "columns": _COLUMNS,
        "since": since,
        "popular": popular,
    }
    rows = duckdb.execute(_OFFERS, values).fetchall()
    return {
        name: {"offers": offers, "tracks": tracks, "share_of_top_100": share}
        for name, offers, tracks, share in rows
    }


def _wait(port: int, model: Path) -> None:
    """Wait until the service has loaded this file."""
    version = hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    deadline = time.monotonic() + _RELOAD_SECONDS
    while version not in _get(port, "/metrics"):
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"the service did not load {model} within {_RELOAD_SECONDS} s: "
                f"{_get(port, '/health/ready')}"
            )
        time.sleep(0.5)
    click.echo(f"the service loaded model {version}")


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        content: bytes = answer.read()
    return content.decode()


def _table(found: list[dict[str, Any]]) -> list[str]:
    """A line for each day; its answers are those of the models of the night before."""
    lines = [
        "| day | trained on sessions | Contextual | DAE | DAE_SESSION | tracks recommended: DAE, "
        "DAE_SESSION | answers from the 100 most popular: DAE, DAE_SESSION |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found:
        scores = [f"{100 * row['shares'][n]:.1f}" for n in ("Contextual", "DAE", "DAE_SESSION")]
        mine = [row["offers"].get(name) for name in ("dae", "dae_session")]
        tracks = ", ".join(f"{of['tracks']:,}" for of in mine if of) or "–"
        popular = ", ".join(f"{100 * of['share_of_top_100']:.1f} %" for of in mine if of) or "–"
        cells = [row["day"], f"{row['sessions']:,}", *scores, tracks, popular]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


if __name__ == "__main__":
    main()
