"""The service against its own OpenAPI document: thousands of requests, right and wrong ones."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]

HOOKS = Path(__file__).with_name("openapi_hooks.py")
FORCED = {
    "allow_forced": True,
    "experiments": {
        "DAE_VS_CONTEXTUAL": {"treatments": {"C": "contextual", "T1": "dae"}},
        "POPULAR": {"treatments": {"C": None, "T1": "top_pop"}},
    },
}


def attack(url: str, *options: str, cwd: Path) -> int:
    """Send what the document allows and what it forbids, the same in every run.

    Returns the number of requests; fails where an answer is not one that the document promises,
    or is a server error.
    """
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    command += ["--checks", "all", "--mode", "all", "--generation-deterministic", "--no-color"]
    command += ["--suppress-health-check", "all"]  # a slow machine is no fault
    done = subprocess.run(
        [*command, *options],
        cwd=cwd,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None, done.stdout
    return int(generated[1])


def counted(url: str, name: str, route: str) -> int:
    """What /metrics counts for a route, whatever the other labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as response:
        text = response.read().decode()
    values = re.findall(rf'^{name}\{{.*route="{route}".*\}} (\S+)$', text, re.MULTILINE)
    return sum(int(float(value)) for value in values)


@pytest.mark.parametrize("examples", [100, pytest.param(950, marks=pytest.mark.nightly)])
def test_every_answer_is_as_the_document_says(serve: Serve, tmp_path: Path, examples: int) -> None:
    served = serve()
    assert attack(served.url, "--max-examples", str(examples), cwd=tmp_path) >= 3 * examples
    answered = {}
    for route in ("next", "last"):
        answered[route] = counted(served.url, "botify_request_seconds_count", route)
        assert answered[route] >= examples // 2
        assert counted(served.url, "botify_refused_total", route) >= examples // 10
    assert served.stop() == 0
    said = [json.loads(line) for line in served.process.stderr.read().splitlines()]
    assert [line for line in said if line["level"] in ("error", "critical")] == []
    logged = [event["message"] for event in served.log()]
    assert {route: logged.count(route) for route in answered} == answered


def test_so_it_is_where_a_header_may_force_treatments(serve: Serve, tmp_path: Path) -> None:
    served = serve(FORCED)
    options = ("--phases", "examples,fuzzing", "--include-path-regex", "^/(next|last)/")
    assert attack(served.url, *options, "--max-examples", "200", cwd=tmp_path) >= 300
    assert served.stop() == 0
    assert {len(event.get("forced", ())) for event in served.log()} == {0, 1, 2}
