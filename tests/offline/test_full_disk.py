"""Commands on a disk that takes no more, wherever it is that they find out."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .full_disk import TRIES, commands
from .programs import offline_in

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A log, a catalog, options, interactions and a model of them with a session model."""
    rng = np.random.default_rng(2)
    rows = []
    for user in range(80):
        for session in range(3):
            tracks = 30 * (user % 2) + rng.choice(30, size=8, replace=False)
            for step, track in enumerate(tracks.tolist()):
                row = {"message": "next" if step < 7 else "last", "user": user, "track": track}
                row |= {"timestamp": 10**5 * user + 10**3 * session + step, "experiments": {}}
                row |= {"time": 1.0 if not step else round(rng.uniform(0.3, 1), 2)}
                rows.append(row | {"latency": 0.001, "recommendation": 0 if step < 7 else None})
    catalog = [{"track": t, "artist": f"a{t % 10}", "title": f"t{t}"} for t in range(60)]
    (tmp_path / "log").mkdir()
    (tmp_path / "log/data.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "tracks.json").write_text("".join(f"{json.dumps(row)}\n" for row in catalog))
    options = "hidden: [16]\nepochs: 2\nbatch_size: 40\ncheckpoint_seconds: 0\n"
    (tmp_path / "train.yml").write_text(options)
    offline = offline_in(tmp_path)
    offline("collect", "@log", "--out", "@interactions")
    words = ("train", "@interactions", "--catalog", "@tracks.json", "--sessions")
    offline(*words, "--out", "@model", "--config", "@train.yml")
    return tmp_path


@pytest.mark.integration
def test_a_full_disk_is_one_line_and_with_room_the_same_command_goes_on(base: Path) -> None:
    disk = base / "disk"
    disk.mkdir()
    mount = [*NAMESPACE, "mount", "-t", "tmpfs", "none", str(disk)]
    if not shutil.which("unshare") or subprocess.run(mount, check=False).returncode:
        pytest.skip("no user namespaces here: a small disk cannot be mounted")
    program = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "tests.offline.full_disk",
        str(disk),
        str(base),
    ]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*NAMESPACE, *program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() == commands("").keys()
    for name, tries in found.items():
        assert len(tries) == TRIES
        for one in tries:
            assert one["code"] == 2, (name, one)
            assert one["errors"].startswith("Error: cannot write "), (name, one)
            assert one["errors"].count("\n") == 1, (name, one)
            assert "No space left on device" in one["errors"], (name, one)
            # Only what a run resumes from, under no name that a result has.
            assert set(one["left"]) <= {f"out.{name}", "out.training"}, (name, one)
            assert (one["again"], one["whole"], one["beside"]) == (0, True, ["out"]), (name, one)
