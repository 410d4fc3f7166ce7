"""Facts about a run of the loop, for its report."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

_VERSIONS = ("botify", "torch", "numpy", "duckdb", "flask", "redis")


def run_info(
    out: Path,
    treatments: Mapping[str, str],
    seed: int,
    collected: int,
    episodes: int,
    seconds: float,
) -> dict[str, object]:
    """The facts, from the files under `out` of a run that is ready to be analysed."""
    world = json.loads((out / "world/world.json").read_text())
    model = json.loads((out / "model/artefact.json").read_text())
    best = model["metrics"]["best"]
    learned = json.loads((out / "interactions/interactions.json").read_text())
    return {
        "treatments": dict(treatments),
        "world": {
            "source": world["source"],
            "users": f"{world['users']:,}",
            "tracks": f"{world['tracks']:,}",
            "artists": f"{world['artists']:,}",
            "mean session time under Random": world["mean_session_time"]["random"],
            "mean session time under the oracle": world["mean_session_time"]["oracle"],
        },
        "collected": {
            "sessions under Random": f"{collected:,}",
            "interactions": f"{learned['interactions']:,}",
            "tracks with an interaction": f"{learned['items']:,}",
        },
        "model": {
            "hidden layers": ", ".join(map(str, model["config"]["hidden"])),
            "kept epoch": f"{best['number']} of {len(model['metrics']['epochs'])}",
            "held-out NDCG@50": round(best["ndcg"], 4),
            "held-out recall@50": round(best["recall"], 4),
        },
        "run": {
            "seed": seed,
            "sessions of the experiment": f"{episodes:,}",
            "seconds until the analysis": round(seconds),
        },
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in _VERSIONS},
        },
    }
