"""Every fenced command of the tutorials runs, in the order in which a reader types them.

A fence in `bash` is run; one with the title `second terminal` starts a service, stopped when the
tutorial ends. A fence whose title is the name of a file is written to it. `console` is what the
reader sees.
"""

import json
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

import pytest
import yaml

pytestmark = pytest.mark.integration

REPO = Path(__file__).parents[2]
PAGES = REPO / "docs" / "tutorials"
FIRST = "first-loop"
OWN_DATA = "your-own-data"
NEXT = ("your-first-experiment", "your-own-recommender", "train-a-gym-agent")
SET_UP = ("make setup", ". .venv/bin/activate")
"""What has been done where these tests run."""
SMALL = {
    r"--users 800 --tracks 4000": "--users 150 --tracks 1200",
    r"--episodes 60000": "--episodes 6000",
    r"--episodes [35]000": "--episodes 600",
    r"STEPS = 256, 4_000": "STEPS = 64, 100",
    r"--sessions 20000": "--sessions 400",
}
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

    def run_page(self, name: str) -> str:
        """Do what the page says; what its commands printed."""
        printed = []
        with ExitStack() as services:
            for language, title, text in _FENCE.findall((PAGES / f"{name}.md").read_text("utf-8")):
                text = self._here(text)
                if language == "console":
                    continue
                if title == "second terminal":
                    services.enter_context(self._service(text))
                elif title:
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
        text = re.sub(
            r"botify serve(?! --face| --config shop)", rf"\g<0> --port {self.port}", text
        )
        for port, free in zip((8000, 8001), self.shop_ports, strict=True):
            text = re.sub(rf"(localhost|port): ?{port}", rf"\1:{free}", text)
        text = text.replace("port:", "port: ") if "face: shop" in text else text
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
        return kept | {"PATH": f"{scripts}:{kept['PATH']}", "MPLBACKEND": "agg"}


def _free_port() -> int:
    """One whose port for health and metrics, 10,000 above, is free as well."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if port <= 55_535 and other.connect_ex(("127.0.0.1", port + 10_000)) != 0:
                return port


def _sandbox(path: Path, small: bool) -> Sandbox:
    port = _free_port()
    shutil.copytree(REPO / "config", path / "config")
    for name in ("botify.yml", "env.yml"):
        config = path / "config" / name
        config.write_text(re.sub(r"port: 5001", f"port: {port}", config.read_text()))
    if small:
        train = path / "config" / "train.yml"
        options = yaml.safe_load(train.read_text()) | {"hidden": [32], "batch_size": 20}
        train.write_text(yaml.safe_dump(options | {"epochs": 6, "patience": 6}))
    return Sandbox(path, port, (_free_port(), _free_port()), small)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The first tutorial, done on a small world."""
    sandbox = _sandbox(tmp_path_factory.mktemp("small"), small=True)
    _check_first(sandbox.run_page(FIRST))
    return sandbox


def _check_first(printed: str) -> None:
    assert '"track":' in printed  # the service's answer to curl
    assert re.search(r"remote: [\d,]+ sessions", printed)
    assert "mean_session_time" in printed


def test_all_tutorials_are_tested() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {FIRST, OWN_DATA, *NEXT}


def test_what_is_made_small_is_in_the_tutorials() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES.glob("*.md"))
    for long in SMALL:
        assert re.search(long, text), long


@pytest.mark.parametrize("name", NEXT)
def test_runs_on_a_small_world(name: str, small: Sandbox) -> None:
    printed = small.run_page(name)
    expected = {
        "your-first-experiment": "Nothing is missing",
        "your-own-recommender": "is in service",
        "train-a-gym-agent": "artist bandit",
    }
    assert expected[name] in printed


def test_own_data_is_served_in_its_own_ids(tmp_path: Path) -> None:
    sandbox = _sandbox(tmp_path, small=True)
    lines = ["customer,product,quantity,date,product_name"]
    for user in range(80):
        for place in range(8):  # each user buys from one of four shelves, some things elsewhere
            item = (user % 4 * 20 + (user + place * place) % 22) % 80
            product = f"SKU/{'ABCDEFGH'[item // 10]}-{item:02}"
            lines.append(
                f'cust-{user:03},{product},1,2026-05-{place + 1:02},"Thing {item}, large"'
            )
    (tmp_path / "purchases.csv").write_text("\n".join(lines) + "\n")
    printed = sandbox.run_page(OWN_DATA)
    answers = [json.loads(text) for text in re.findall(r"^\{.*\}$", printed, re.MULTILINE)]
    recs = [answer for answer in answers if "recs" in answer]
    assert all(item.startswith("SKU/") for answer in recs for item in answer["recs"])
    sources = [set(answer["sources"]) for answer in recs]
    assert sources[:3] == [{"for_you"}, {"popular"}, {"for_you"}]
    assert sources[3] in ({"als"}, {"dae"})
    assert any(answer.get("title") == "Thing 1, large" for answer in answers)
    assert any(answer.get("message") == "recommend" for answer in answers)


@pytest.mark.nightly
def test_runs_as_written(tmp_path: Path) -> None:
    sandbox = _sandbox(tmp_path, small=False)
    printed = sandbox.run_page(FIRST)
    _check_first(printed)
    assert "Ship dae (T1)" in printed
    assert "Ship similar (T1)" in sandbox.run_page("your-first-experiment")
    assert "Keep dae (C): mine (T1) loses" in sandbox.run_page("your-own-recommender")
    assert "artist bandit" in sandbox.run_page("train-a-gym-agent")
