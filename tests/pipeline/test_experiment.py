"""The full-scale experiment's script on a small world, and the figures of its lists."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from botify.session_model.scoring import SessionModel
from botify.session_model.tables import Tables
from contract.schema import json_schema
from offline.data.catalog import artists_of
from offline.data.training_set import TrainingSet
from offline.models.dae.recommender import DAERecommender
from offline.models.registry import load_model
from offline.session_model import fit_session_model

pytestmark = pytest.mark.integration

SMALL = ("--users", "150", "--tracks", "1200", "--collect", "6000", "--episodes", "400")
STAGES = [
    "world",
    "sessions under Random",
    "log to interactions",
    "training",
    "lists",
    "service, until it answers",
    "sessions against the service",
    "shipping",
    "verdict",
    "reconciling",
    "ladder",
]


def run(*words: object, rc: int = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == rc, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where its results lie, and what it said."""
    out = tmp_path_factory.mktemp("experiment")
    return out, run("-m", "pipeline.experiment", "--out", out, "--seed", 5, *SMALL).stdout


def test_it_runs_from_nothing_to_a_verdict_and_a_ladder(experiment: tuple[Path, str]) -> None:
    out, said = experiment
    assert (out / "collected/data.parquet").is_file()
    assert re.search(r"(Ship DAE \(T1\): it|Not yet: DAE \(T1\)) beats CONTEXTUAL \(C\)", said)
    assert re.search(r"(Ship|Not yet:) DAE_SESSION \(T2\):?( it)? beats CONTEXTUAL \(C\)", said)
    assert re.search(r"^Nothing is missing: [\d,]+ events at every stage\.$", said, re.MULTILINE)
    effects = json.loads((out / "effects.json").read_text())["effects"]
    found = [row for row in effects if row["metric"] == "mean_session_time"]
    for row, name in zip(found, ("DAE", "DAE_SESSION"), strict=True):
        assert f"{name} against CONTEXTUAL, mean session time: {row['effect']:+.1f} %" in said
    ladder = json.loads((out / "ladder.json").read_text())
    names = [rung["recommender"] for rung in ladder]
    assert names[-4:] == ["DAE", "near_or_dae", "DAE_SESSION", "Oracle"]
    assert f"DAE_SESSION {ladder[-2]['normalised_score']:.0f}, Oracle 100" in said


def test_it_says_what_each_stage_took(experiment: tuple[Path, str]) -> None:
    out, said = experiment
    seconds = json.loads((out / "seconds.json").read_text())
    assert list(seconds) == STAGES
    for stage in STAGES:
        assert re.search(rf"^{stage} +{seconds[stage]:.1f} s$", said, re.MULTILINE)
    assert re.search(rf"^all +{sum(seconds.values()):.1f} s$", said, re.MULTILINE)


def valid(name: str, *values: object) -> None:
    validator = Draft202012Validator(json_schema(name))
    for value in values:
        validator.validate(value)


def rows_of(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_files_of_the_loop_are_as_their_schemas_say(experiment: tuple[Path, str]) -> None:
    out, _ = experiment
    valid("catalog", *rows_of(out / "world/tracks.json"))
    valid("users", *rows_of(out / "world/users.json"))
    valid("recommendations", *rows_of(out / "lists/recommendations.json"))
    valid("neighbours", *rows_of(out / "lists/neighbours.json"))
    valid("top_tracks", json.loads((out / "lists/top_tracks.json").read_text()))
    valid("model", json.loads((out / "model/artefact.json").read_text()))
    content = (out / "lists/sessions.safetensors").read_bytes()
    valid("session_model", json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]))
    logs = list((out / "log").glob("data.json*"))
    assert logs
    for log in logs:
        valid("event", *rows_of(log))


def test_the_service_and_training_agree_on_every_score(experiment: tuple[Path, str]) -> None:
    """The model in numpy, from the file, against torch, fitted anew with the same seed."""
    out, _ = experiment
    model = load_model(out / "model")
    assert isinstance(model, DAERecommender)
    n_tracks = model.network.n_tracks
    training_set = TrainingSet.open(out / "interactions", n_tracks)
    artists = artists_of(out / "world/tracks.json", n_tracks)
    assert model.config.sessions is not None
    torch_model = fit_session_model(
        model.network, training_set, out / "interactions", artists, model.config.sessions
    ).model
    file = out / "lists/sessions.safetensors"
    numpy_model = SessionModel(Tables.read(file, n_tracks), artists.astype(np.int32), "")

    rng = np.random.default_rng(8)
    known = model.network.tracks.numpy()
    place = np.full(n_tracks, -1)
    place[known] = np.arange(len(known))
    for _ in range(300):
        row = int(rng.integers(-1, len(training_set.users)))
        length = int(rng.integers(1, 30))
        tracks = rng.integers(n_tracks, size=length).astype(np.int32)
        tracks[0] = rng.choice(known)
        times = rng.random(length).astype(np.float32).round(2)
        times[0] = 1.0
        user = int(training_set.users[row]) if row >= 0 else 10**9
        ours = numpy_model.scores(user, tracks, times)
        theirs = torch_model.scores(np.array([row]), place[tracks][None], times[None])[0]
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4, rtol=1e-4)


def test_its_lists_are_for_sessions(experiment: tuple[Path, str]) -> None:
    _, said = experiment
    # Listeners of this world have a patience of five misses.
    found = re.search(r"session-aware lists: patience (\d\.\d\d) misses", said)
    assert found is not None
    assert float(found[1]) == pytest.approx(5, abs=0.1)


def test_the_bench_tells_where_its_lists_fall_short(experiment: tuple[Path, str]) -> None:
    out, _ = experiment
    said = run("-m", "bench.lists", "--data", out, "--episodes", 400).stdout
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    rows = [cells for cells in lines if len(cells) > 3]
    time = {cells[0]: float(cells[1].split()[0]) for cells in rows if "±" in cells[1]}
    places = {cells[0]: cells[1:] for cells in rows if " to " in cells[0]}
    ladder = json.loads((out / "ladder.json").read_text())
    played = {rung["recommender"]: rung["mean_session_time"] for rung in ladder}
    assert played["DAE"] > played["Random"]
    # More information is never worse: true shares, the taste known, the oracle.
    assert time["random"] < time["for sessions, as exported"] < time["true shares"]
    assert time["true shares"] < time["true shares of each taste"] < time["oracle"]
    # Places are reached in their order, and a session ends somewhere.
    reached = [int(cells[0].rstrip(" %")) for cells in places.values()]
    assert list(places) == ["1 to 5", "6 to 10", "11 to 20", "21 to 30", "31 to 50"]
    assert reached == sorted(reached, reverse=True)
    assert reached[0] > reached[4]


def test_last_fm_needs_its_directory() -> None:
    said = run("-m", "pipeline.experiment", "--world", "lastfm", rc=2).stderr
    assert "this world needs --lastfm-dir (make experiment LASTFM_DIR=...)" in said


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_text("mine")
    said = run("-m", "pipeline.experiment", "--out", place, rc=2).stderr
    assert "is a file; name a directory" in said
    assert place.read_text() == "mine"
