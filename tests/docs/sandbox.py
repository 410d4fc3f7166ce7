"""Does what a page of the docs says, in a folder that looks like a clone.

A fence in `bash` is run; one with the title `second terminal` starts a service, stopped when the
page ends. A fence whose title is the name of a file is written to it. `console` is what the reader
sees.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

REPO = Path(__file__).parents[2]
DOCS = REPO / "docs"
SET_UP = ("make setup", ". .venv/bin/activate")
"""What has been done where these tests run."""
SMALL = {
    r"--users 800 --tracks 4000": "--users 150 --tracks 1200",
    r"--episodes 60000": "--episodes 6000",
    r"--episodes [35]000": "--episodes 600",
    r"STEPS = 256, 4_000": "STEPS = 64, 100",
    r"--sessions 20000": "--sessions 400",
    r"--users 2000 --items 500 --ratings 100000": "--users 200 --items 60 --ratings 4000",
}
PLUGINS = "plugins"
"""Where `pip install` of a page puts a plug-in: beside what is installed here, not into it."""
_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_READY_SECONDS = 120


@dataclass(frozen=True)
class Sandbox:
    """A folder that looks like a clone to the commands, with a port of its own."""

    path: Path
    port: int
    shop_ports: tuple[int, int]
    """For 8000 and 8001."""
    small: bool
    ratings_port: int = 0

    def run_page(self, name: str) -> str:
        """Do what the page says; what its commands printed."""
        printed = []
        with ExitStack() as services:
            for language, title, text in _FENCE.findall((DOCS / f"{name}.md").read_text("utf-8")):
                text = self._here(text)
                if language == "console":
                    continue
                if title == "second terminal":
                    services.enter_context(self._service(text))
                elif title:
                    (self.path / title).parent.mkdir(exist_ok=True)
                    (self.path / title).write_text(text)
                elif language == "bash":
                    printed.append(self._run(text))
                else:
                    raise AssertionError(
                        f"{name}: what is a fence in {language or 'nothing'} for?"
                    )
        return "".join(printed)

    def _here(self, text: str) -> str:
        lines = [line for line in text.splitlines(True) if line.strip() not in SET_UP]
        text = "".join(lines).replace("localhost:5001", f"localhost:{self.port}")
        text = text.replace(
            "pip install ",
            "python -m pip install --quiet --no-deps --no-build-isolation "
            f"--disable-pip-version-check --target {PLUGINS} ",
        )
        music = r"botify serve(?! --face| --config shop)"
        text = re.sub(music, rf"\g<0> --port {self.port}", text)
        for port, free in zip((8000, 8001), self.shop_ports, strict=True):
            text = re.sub(rf"(localhost:|port: ){port}", rf"\g<1>{free}", text)
        text = text.replace("localhost:5000", f"localhost:{self.ratings_port}")
        text = text.replace("--face ratings", f"--face ratings --port {self.ratings_port}")
        text = text.replace("--face shop", f"--face shop --port {self.shop_ports[0]}")
        if self.small:
            for long, short in SMALL.items():
                text = re.sub(long, short, text)
        return text

    def _run(self, commands: str) -> str:
        shell = ["bash", "-euo", "pipefail", "-c", commands]
        done = subprocess.run(
            shell, cwd=self.path, env=self._environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def _service(self, command: str) -> Iterator[None]:
        said = self.path / "service.txt"
        with (
            said.open("w") as out,
            subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.path,
                env=self._environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
            ) as service,
        ):
            try:
                until = time.monotonic() + _READY_SECONDS
                while "botify serves" not in said.read_text():
                    assert service.poll() is None, said.read_text()
                    assert time.monotonic() < until, said.read_text()
                    time.sleep(0.1)
                yield
            finally:
                service.send_signal(signal.SIGINT)
        assert service.returncode == 0, said.read_text()

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL", "BOTIFY_OUT")}
        scripts = sysconfig.get_path("scripts")
        return kept | {
            "PATH": f"{scripts}:{kept['PATH']}",
            "PYTHONPATH": str(self.path / PLUGINS),
            "MPLBACKEND": "agg",
        }


def _free_port() -> int:
    """One whose port for health and metrics, 10,000 above, is free as well."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if port <= 55_535 and other.connect_ex(("127.0.0.1", port + 10_000)) != 0:
                return port


def make_sandbox(path: Path, small: bool) -> Sandbox:
    port = _free_port()
    shutil.copytree(REPO / "config", path / "config")
    for name in ("botify.yml", "env.yml"):
        config = path / "config" / name
        config.write_text(re.sub(r"port: 5001", f"port: {port}", config.read_text()))
    if small:
        train = path / "config" / "train.yml"
        options = yaml.safe_load(train.read_text())["model"]
        options |= {"hidden": [32], "batch_size": 20, "epochs": 6, "patience": 6}
        train.write_text(yaml.safe_dump({"model": options}))
    return Sandbox(path, port, (_free_port(), _free_port()), small, _free_port())
