"""The page about a model in one file: exactly what it says, on a small log."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from offline.data.collect import collect

PAGE = Path(__file__).parents[2] / "docs/how-to/add-a-model.md"
_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Into a place of its own, without a network.
INSTALL = f"{sys.executable} -m pip install -q --no-deps --no-build-isolation --no-index"
N_TRACKS = 60


def write_interactions(place: Path) -> None:
    """Of 40 listeners in two camps."""
    rng = np.random.default_rng(2)
    lines = []
    for user in range(40):
        tracks = (30 * (user % 2) + rng.choice(30, size=12, replace=False)).tolist()
        for step, track in enumerate(tracks):
            message = "next" if step < 11 else "last"
            play = {"user": user, "track": track, "time": 1.0, "timestamp": 1000 * user + step}
            lines.append({"message": message, "latency": 0.001, "experiments": {}, **play})
    log = place / "data.json"
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    collect([log], place / "out/demo/interactions")


@pytest.mark.integration
def test_a_reader_gets_a_model_of_their_own(tmp_path: Path) -> None:
    site = tmp_path / "site"
    paths = {"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}
    environment = os.environ | paths | {"PYTHONPATH": str(site)}
    (tmp_path / "out/demo").mkdir(parents=True)
    write_interactions(tmp_path)
    said = ""
    for language, title, text in _FENCE.findall(PAGE.read_text("utf-8")):
        if title:
            (tmp_path / title).parent.mkdir(exist_ok=True)
            (tmp_path / title).write_text(text)
            continue
        assert language == "bash", f"what is a fence in {language or 'nothing'} for?"
        commands = text.replace("pip install", f"{INSTALL} --target {site}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        said += done.stdout
    assert "1 passed" in said
    assert re.search(r"^rp3beta +RP3beta of Paudel .* \(rp3beta 1\.0\)$", said, re.MULTILINE)
    about = json.loads((tmp_path / "out/rp3beta/artefact.json").read_text())
    assert (about["model"], about["config"]) == ("rp3beta", {"beta": 0.4})
    assert "user 3, 12 interactions, by rp3beta:" in said
    lists = (tmp_path / "out/rp3beta-lists/recommendations.json").read_text().splitlines()
    for user, line in enumerate(lists):
        tracks = json.loads(line)["tracks"]
        assert np.mean(np.array(tracks[:20]) // 30 == user % 2) > 0.9
