"""A small loop, played by the real programs, for the notebooks to read."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
TRAINING = {"hidden": [32], "batch_size": 20, "epochs": 8, "patience": 8}


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """This environment, one thread a program, free of settings that reach the programs."""
    ours = ("BOTIFY_OUT", "REDIS_URL", "MPLBACKEND")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """The folders that `make demo` leaves, of 400 listeners and 3,000 tracks."""
    out = tmp_path_factory.mktemp("demo")
    world, pairs, model, train = (
        out / name for name in ("world", "interactions", "model", "train.yml")
    )
    catalog, env = world / "tracks.json", world / "env.yml"
    train.write_text(yaml.safe_dump(TRAINING))

    def run(program: str | Path, *arguments: object) -> None:
        command = [str(program), *map(str, arguments)]
        done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    sim, offline = SCRIPTS / "botify-sim", SCRIPTS / "botify-offline"
    run(sim, "world", "--users", 400, "--tracks", 3000, "--out", world)
    episodes = ("--episodes", 4000, "--config", env)
    run(sim, "run", "--recommender", "random", *episodes, "--log", out / "collected")
    run(offline, "collect", out / "collected", "--out", pairs, "--catalog", catalog)
    run(offline, "train", pairs, "--catalog", catalog, "--out", model, "--config", train)
    run(offline, "export", model, pairs, "--out", out / "lists")
    with _service(out, environment) as port:
        remote = ("--recommender", "remote", "--port", port)
        run(sys.executable, "sim/run.py", *remote, "--episodes", 800, "--config", env)
    return out


@contextmanager
def _service(data: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve the lists of `data`, logging to `data`/log; gives the port."""
    serve = [SCRIPTS / "botify", "serve", "--port", "0", "--workers", "1"]
    serve += ["--data-dir", data, "--log-dir", data / "log"]
    with subprocess.Popen(
        [str(word) for word in serve],
        cwd=REPO,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert service.stdout is not None
            ready = service.stdout.readline()
            assert ready, service.communicate()[1]
            yield ready.strip().rpartition(":")[2]
        finally:
            service.terminate()
