"""The whole loop in one command: world, collect, train, serve, simulate, verdict.

Every step is one of the three programs, run as a person would run it; the
line that starts a step shows the command.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import click

BIN = Path(sys.executable).parent
EXPERIMENT = "DAE_VS_CONTEXTUAL"
_VERSIONS = ("botify", "torch", "numpy", "duckdb", "flask", "redis")
_READY_SECONDS = 60


@click.command()
@click.option(
    "--world", default="generated", type=click.Choice(["generated", "lastfm"]), show_default=True
)
@click.option("--lastfm-dir", type=Path, help="The unpacked hetrec2011-lastfm-2k.")
@click.option("--out", type=Path, default=Path("out/demo"), show_default=True)
@click.option("--seed", default=31337, show_default=True, help="Same seed, same verdict.")
@click.option(
    "--collect", default=150_000, show_default=True, help="Random sessions to learn from."
)
@click.option("--episodes", default=5_000, show_default=True, help="Sessions of the experiment.")
@click.option("--users", type=int, help="Listeners of a generated world.")
@click.option("--tracks", type=int, help="Tracks of a generated world.")
def main(
    world: str,
    lastfm_dir: Path | None,
    out: Path,
    seed: int,
    collect: int,
    episodes: int,
    users: int | None,
    tracks: int | None,
) -> None:
    """Run the loop from nothing to a verdict; results lie under --out."""
    started = time.monotonic()
    if out.exists() and not out.is_dir():
        raise click.UsageError(f"--out {out} is a file: name a directory")
    out.mkdir(parents=True, exist_ok=True)
    catalog, env = out / "world/tracks.json", out / "world/env.yml"
    world_options = ["--out", out / "world", "--seed", seed]
    if world == "lastfm":
        world_options += ["--lastfm", lastfm_dir or _missing("--lastfm-dir")]
    for name, value in (("--users", users), ("--tracks", tracks)):
        world_options += [name, value] if value is not None else []

    _step("1/6 world: a catalog, the truth about taste, and people")
    _run("botify-sim", "world", *world_options)

    _step("2/6 collect: listeners meet a random recommender; what they hear out is an interaction")
    shutil.rmtree(out / "collected", ignore_errors=True)
    _run(
        *("botify-sim", "run", "--recommender", "random", "--episodes", collect),
        # Other sessions than the experiment's: it must not meet what was learned from.
        *("--config", env, "--seed", seed + 1, "--log", out / "collected"),
    )
    interactions, model, lists = out / "interactions", out / "model", out / "lists"
    _run("botify-offline", "collect", out / "collected", "--out", interactions)

    _step("3/6 learn: a denoising autoencoder ranks the catalog for every user")
    _run(
        *("botify-offline", "train", interactions, "--catalog", catalog, "--out", model),
        *("--print-every", 5),
    )
    _run("botify-offline", "export", model, interactions, "--out", lists)

    _step("4/6 serve: half of the users get CONTEXTUAL (C), half DAE (T1)")
    shutil.rmtree(out / "log", ignore_errors=True)
    with _service(out, seed) as port:
        _step("5/6 simulate: the same listeners ask the service, track by track")
        _run(
            *("botify-sim", "run", "--recommender", "remote", "--episodes", episodes),
            *("--config", env, "--seed", seed, "--port", port),
        )

    _step("6/6 judge: which treatment won, by how much, and how sure that is")
    run_info = out / "run.json"
    facts = _facts(out, seed, collect, episodes, time.monotonic() - started)
    run_info.write_text(json.dumps(facts, indent=2) + "\n")
    _run(
        *("botify-offline", "analyze", out / "log", "--experiment", EXPERIMENT),
        *("--out", out / "report.html", "--json", out / "effects.json", "--run-info", run_info),
    )
    serve = "make serve" + ("" if out == Path("out/demo") else f" OUT={out}")
    click.echo(f"\ntook {time.monotonic() - started:.0f} s; `{serve}` serves it on port 5001")


def _missing(option: str) -> str:
    raise click.UsageError(f"{option} is needed for this world (make demo LASTFM_DIR=...)")


def _step(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _run(program: str, *arguments: object) -> None:
    words = [program, *map(str, arguments)]
    click.secho("$ " + " ".join(words), dim=True)
    done = subprocess.run([str(BIN / words[0]), *words[1:]], check=False, env=_environment())
    if done.returncode:
        sys.exit(done.returncode)


def _environment() -> dict[str, str]:
    """Without REDIS_URL: the demo must not replace what another service serves from there."""
    return {name: value for name, value in os.environ.items() if name != "REDIS_URL"}


@contextmanager
def _service(out: Path, seed: int) -> Iterator[int]:
    """The service on a free port, stopped at the end; yields the port."""
    words = ["botify", "serve", "--data-dir", str(out), "--log-dir", str(out / "log")]
    # A seed promises the same verdict again, so no answer may depend on how busy the machine is.
    words += ["--port", "0", "--seed", str(seed), "--redis-timeout", "10"]
    click.secho("$ " + " ".join(words), dim=True)
    with subprocess.Popen(
        [str(BIN / words[0]), *words[1:]], stdout=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        try:
            yield _port(process)
        finally:
            process.terminate()
            process.wait(_READY_SECONDS)


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    for line in process.stdout:
        click.echo(line, nl=False)
        if found := re.search(r"http://\S+:(\d+)", line):
            return int(found[1])
    # The service said on stderr what was wrong.
    sys.exit(process.wait(_READY_SECONDS) or 1)


def _facts(out: Path, seed: int, collect: int, episodes: int, seconds: float) -> dict[str, object]:
    """How the run was made, for the report."""
    world = json.loads((out / "world/world.json").read_text())
    model = json.loads((out / "model/model.json").read_text())
    learned = json.loads((out / "interactions/interactions.json").read_text())
    return {
        "treatments": {"C": "CONTEXTUAL", "T1": "DAE"},
        "world": {
            "source": world["source"],
            "users": f"{world['users']:,}",
            "tracks": f"{world['tracks']:,}",
            "artists": f"{world['artists']:,}",
            "mean session time under Random": world["mean_session_time"]["random"],
            "mean session time under the oracle": world["mean_session_time"]["oracle"],
        },
        "collected": {
            "sessions under Random": f"{collect:,}",
            "interactions": f"{learned['interactions']:,}",
            "tracks liked by somebody": f"{learned['tracks']:,}",
        },
        "model": {
            "hidden layers": ", ".join(map(str, model["options"]["hidden"])),
            "kept epoch": f"{model['best']['number']} of {len(model['epochs'])}",
            "held-out NDCG@50": round(model["best"]["ndcg"], 4),
            "held-out recall@50": round(model["best"]["recall"], 4),
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


if __name__ == "__main__":
    main()
