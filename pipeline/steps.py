"""The steps of the loop, which the demo, the experiment and the daily loop share.

Every step runs a command as a person would, and prints it first. Its wall time is kept under the
step's name.
"""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import yaml

from pipeline.programs import BIN, environment
from pipeline.run_info import run_info

_READY_SECONDS = 60


@dataclass(frozen=True)
class Design:
    """An experiment to run."""

    config: Path
    """The service's config, which says what the treatments are."""
    experiment: str
    """Its name in the config."""
    trains_session_model: bool

    def treatments(self) -> dict[str, str]:
        """The recommender of each treatment, in capitals as reports name it, from the config.

        Raises UsageError if the config cannot be read or does not define the experiment.
        """
        try:
            content = yaml.safe_load(self.config.read_text())
            treatments = content["experiments"][self.experiment]["treatments"]
            return {name: str(found or name).upper() for name, found in treatments.items()}
        except (OSError, yaml.YAMLError) as error:
            raise click.UsageError(f"{self.config} cannot be read: {error}") from None
        except (AttributeError, KeyError, TypeError):
            raise click.UsageError(
                f"{self.config}: defines no experiment {self.experiment} with treatments"
            ) from None


DAE_VS_CONTEXTUAL = Design(
    Path("config/botify.yml"), "DAE_VS_CONTEXTUAL", trains_session_model=False
)
DAE_SESSION = Design(Path("config/experiment.yml"), "DAE_SESSION", trains_session_model=True)


LASTFM = ("lastfm", "lastfm-2k")


@dataclass(frozen=True)
class Source:
    """Data that a world is made from."""

    path: Path
    format: str | None = None
    """None: guessed."""


@dataclass(frozen=True)
class Loop:
    """A run of the loop, with its results under `out`. A command that fails ends the program."""

    out: Path
    seed: int
    design: Design = DAE_VS_CONTEXTUAL
    treatments: dict[str, str] = field(default_factory=dict)
    """Those of the design, as the config defined them when the service was started."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time of each stage so far, in their order."""

    def __post_init__(self) -> None:
        self._read_treatments()  # a config without the experiment fails before anything runs
        if self.out.exists() and not self.out.is_dir():
            raise click.UsageError(f"--out {self.out} is a file; name a directory")
        self.out.mkdir(parents=True, exist_ok=True)

    @property
    def split(self) -> str:
        """The recommenders that users are split among, with their treatments."""
        return ", ".join(f"{name} ({treatment})" for treatment, name in self.treatments.items())

    @property
    def env(self) -> Path:
        return self.out / "world/env.yml"

    @property
    def catalog(self) -> Path:
        return self.out / "world/tracks.json"

    def world(self, source: Source | None, users: int | None, tracks: int | None) -> None:
        """Make a world: from data if a source is given, else a generated one."""
        options: list[object] = ["--out", self.out / "world", "--seed", self.seed]
        if source is not None:
            data = self.out / "data"
            form = ["--format", source.format] if source.format else []
            self._run("import", "botify-offline", "import", source.path, "--out", data, *form)
            options += ["--from", data]
        for name, value in (("--users", users), ("--tracks", tracks)):
            options += [name, value] if value is not None else []
        self._run("world", "botify-sim", "world", *options)

    def collect(self, sessions: int, *options: object) -> None:
        """Play sessions under Random, and extract the interactions from their log."""
        shutil.rmtree(self.out / "collected", ignore_errors=True)
        self._run(
            "sessions under Random",
            *("botify-sim", "run", "--recommender", "random", "--episodes", sessions),
            # Not the experiment's sessions: it must not meet what the model was trained on.
            *("--config", self.env, "--seed", self.seed + 1, "--log", self.out / "collected"),
            *options,
        )
        self.gather("collected")

    def gather(self, *logs: str) -> None:
        """Extract interactions and plays from the logs in these directories under `out`."""
        places = [self.out / log for log in logs]
        out = self.out / "interactions"
        self._run(
            "log to interactions",
            "botify-offline",
            *("collect", *places, "--catalog", self.catalog, "--out", out),
        )

    def train(self) -> None:
        """Train the model, and export its lists."""
        interactions, model = self.out / "interactions", self.out / "model"
        self._run(
            "training",
            *("botify-offline", "train", interactions, "--catalog", self.catalog),
            *("--out", model, "--print-every", 5),
            *(["--sessions"] if self.design.trains_session_model else []),
        )
        self._run(
            "lists",
            *("botify-offline", "export", model, interactions, "--catalog", self.catalog),
            *("--out", self.out / "lists"),
        )

    @contextmanager
    def service(self, config: Path | None = None, log: str = "log") -> Iterator[int]:
        """Run the service on a free port until the end of the block; yields the port."""
        shutil.rmtree(self.out / log, ignore_errors=True)
        self._read_treatments()
        started = time.monotonic()
        with serving(
            *("--config", config or self.design.config, "--data-dir", self.out),
            *("--log-dir", self.out / log, "--seed", self.seed),
        ) as port:
            self.seconds.setdefault("service, until it answers", time.monotonic() - started)
            yield port

    def count(self, port: int) -> None:
        """Save the service's counters, which are lost when it stops."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            (self.out / "served.prom").write_bytes(answer.read())

    def ship(self) -> None:
        """Ship the log."""
        shutil.rmtree(self.out / "shipped", ignore_errors=True)
        client = Path(__file__).parents[1] / "script/dataclient.py"
        self._run(
            "shipping",
            *("python", client, "log2local", "--flat", "--log-dir", self.out / "log"),
            *("--mark-shipped", self.out / "shipped"),
        )

    def reconcile(self) -> None:
        """Check that every served event was logged, shipped and analysed."""
        self._run(
            "reconciling",
            *("botify-offline", "reconcile", "--served", self.out / "served.prom"),
            *("--logged", self.out / "log", "--shipped", self.out / "shipped"),
            *("--analysed", self.out / "effects.json", "--json", self.out / "reconciled.json"),
        )

    def play(self, episodes: int, port: int, day: int = 0) -> None:
        """Play sessions against the service; each day has its own."""
        self._run(
            "sessions against the service",
            *("botify-sim", "run", "--recommender", "remote", "--episodes", episodes),
            # seed + 1 is the seed of the collected sessions.
            *("--config", self.env, "--seed", self.seed + (day and day + 1), "--port", port),
        )

    def analyze(self, collected: int, episodes: int) -> None:
        """Analyse the experiment: verdict, effect table and report."""
        seconds = sum(self.seconds.values())
        info = run_info(self.out, self.treatments, self.seed, collected, episodes, seconds)
        path = self.out / "run.json"
        path.write_text(json.dumps(info, indent=2) + "\n")
        self._run(
            "verdict",
            *("botify-offline", "analyze", self.out / "log"),
            *("--experiment", self.design.experiment),
            *("--out", self.out / "report.html", "--json", self.out / "effects.json"),
            *("--run-info", path, "--catalog", self.catalog),
        )

    def ladder(self, episodes: int) -> None:
        """Play every recommender against the same listeners; DAE_SESSION over HTTP."""
        if not self.design.trains_session_model:
            return self._climb(episodes)
        config = self.config("ladder.yml", experiments={}, default="dae_session")
        with self.service(config, "ladder-log") as port:
            self._climb(episodes, "--service", f"DAE_SESSION=127.0.0.1:{port}")

    def config(self, name: str, **changes: object) -> Path:
        """The design's config of the service with some keys replaced, in a file under `out`."""
        content = yaml.safe_load(self.design.config.read_text()) | changes
        path = self.out / name
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def _read_treatments(self) -> None:
        self.treatments.clear()
        self.treatments.update(self.design.treatments())

    def _climb(self, episodes: int, *options: object) -> None:
        self._run(
            "ladder",
            *("botify-sim", "ladder", "--config", self.env, "--lists", self.out / "lists"),
            *("--chains", self.design.config, "--data-dir", self.out),
            *("--episodes", episodes, "--seed", self.seed),
            *("--json", self.out / "ladder.json", "--plot", self.out / "ladder.svg"),
            *options,
        )

    def _run(self, stage: str, program: str, *arguments: object) -> None:
        started = time.monotonic()
        run_command(program, *arguments)
        self.seconds[stage] = time.monotonic() - started


def run_command(program: str, *arguments: object) -> None:
    """Print a command, and run it; if it fails, the program ends with its exit code."""
    words = [program, *map(str, arguments)]
    click.secho("$ " + " ".join(words), dim=True)
    done = subprocess.run([str(BIN / words[0]), *words[1:]], check=False, env=environment())
    if done.returncode:
        sys.exit(done.returncode)


@contextmanager
def serving(*options: object) -> Iterator[int]:
    """Run the service on a free port until the end of the block; yields the port."""
    # The same seed must give the same verdict, however busy the machine is.
    words = ["botify", "serve", *map(str, options), "--port", "0", "--redis-timeout", "10"]
    click.secho("$ " + " ".join(words), dim=True)
    with subprocess.Popen(
        [str(BIN / words[0]), *words[1:]], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            yield _port(process)
        finally:
            process.terminate()
            process.wait(_READY_SECONDS)


def step(text: str) -> None:
    """Print a headline."""
    click.secho(f"\n{text}", bold=True)


def source_of(world: str, lastfm: Path | None, command: str) -> Source | None:
    """The data that a world is made from: Last.fm, or a path. None: a generated world.

    Raises UsageError for a path that is not there, and for Last.fm without its directory.
    """
    if world == "generated":
        return None
    if world in LASTFM:
        if lastfm is None:
            raise click.UsageError(
                f"this world needs --lastfm-dir (make {command} LASTFM_DIR=...)"
            )
        return Source(lastfm, "lastfm-2k")
    if not Path(world).exists():
        raise click.UsageError(
            f"--world {world}: no such file or directory; it is `generated`, `lastfm`, or "
            "the path of data to import"
        )
    return Source(Path(world))


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    for line in process.stdout:
        click.echo(line, nl=False)
        if found := re.search(r"http://\S+:(\d+)", line):
            return int(found[1])
    # The service has printed the error to stderr.
    sys.exit(process.wait(_READY_SECONDS) or 1)
