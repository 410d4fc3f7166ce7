"""Events and items of small music and ratings nights, and their configs."""

import json
import random
from pathlib import Path
from typing import Any

from tests.pipeline.small_shop import DAY, START


def music(directory: Path) -> dict[str, Any]:
    """Listeners of 4 tastes, 21 days; a taste is 10 of 60 tracks, and the rest is skipped."""
    chance = random.Random(5)
    lines = []
    for user in range(120):
        for day in range(21):
            time = START + day * DAY + chance.randrange(DAY - 1_000_000)
            for play in range(6):
                track = chance.randrange(40) if play % 3 == 0 else user % 4 * 10 + play
                heard = 1.0 if track // 10 == user % 4 else 0.1
                lines.append(
                    {
                        "message": "last" if play == 5 else "next",
                        "timestamp": time + play * 100_000,
                        "user": user, "track": track, "time": heard, "latency": 0.01,
                        "recommendation": 3, "experiments": {},
                    }
                )  # fmt: skip
    (directory / "log").mkdir()
    _write(directory / "log/data.json", lines)
    tracks = [{"track": n, "artist": f"a{n % 20}", "title": f"t{n}"} for n in range(60)]
    _write(directory / "tracks.json", tracks)
    return _config(
        directory, face="music", items="tracks.json", source={"kind": "log", "place": "log"},
        model={"options": {"factors": 8}},
    )  # fmt: skip


def ratings(directory: Path) -> dict[str, Any]:
    """Users who like every second item, and some who like the others."""
    chance = random.Random(5)
    rows = ["user,item,value,timestamp"]
    for user in range(200):
        for item in chance.sample(range(40), 25):
            liked = item % 2 == user % 2
            value = (4.5 if liked else 1.5) + chance.choice((-0.5, 0, 0.5))
            time = START + chance.randrange(21 * DAY)
            rows.append(f"u{user},i{item},{value},{time}")
    (directory / "ratings.csv").write_text("\n".join(rows) + "\n")
    _write(directory / "items.json", [{"item": f"i{n}", "title": f"t{n}"} for n in range(40)])
    return _config(
        directory, face="ratings", items="items.json",
        source={"kind": "csv", "place": "ratings.csv"},
        model={"options": {"factors": 4, "steps": 1000}},
    )  # fmt: skip


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _config(directory: Path, **more: Any) -> dict[str, Any]:
    more["source"]["place"] = str(directory / more["source"]["place"])
    content = {
        "out": str(directory / "nights"), "serving": str(directory / "serving"), "seed": 7,
        "split": {"days": 3}, "checks": {"min_events": 100},
        "gate": {"k": 5, "resamples": 200, "margin": 0.05},
        **more, "items": str(directory / more["items"]),
    }  # fmt: skip
    return content
