"""Several processes train one model, each on its part of every batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from offline.models.dae.loss import Workspace, multinomial_loss
from offline.models.dae.training import Workers, workers_of_torchrun
from offline.models.registry import load_model

from ...camps import gradients_of, small_model, two_camps

REPO = Path(__file__).parents[4]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


@pytest.mark.parametrize("n", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_parts_are_the_whole_once(count: int, n: int) -> None:
    parts = [range(n)[Workers(rank, count).part(n)] for rank in range(count)]
    assert [user for part in parts for user in part] == list(range(n))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_the_gradients_of_the_parts_add_up() -> None:
    model, matrix = small_model(8, 4), two_camps()
    ragged = model.ragged(matrix)

    whole = gradients_of(model, ragged)
    parts = [gradients_of(model, ragged.part(Workers(rank, 7).part(60))) for rank in range(7)]
    for place, expected in enumerate(whole):
        found = sum(part[place] for part in parts)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_part_may_be_empty() -> None:
    """Where a batch has fewer users than there are processes."""
    code, weight, bias = torch.zeros(0, 4), torch.ones(9, 4), torch.ones(9)
    nothing = torch.empty(0, dtype=torch.int64)
    workspace = Workspace(5, 9, 4, torch.float32, torch.device("cpu"))
    loss, gradient = multinomial_loss(code, weight, bias, nothing, nothing, workspace)
    assert loss == 0
    assert gradient.shape == (0, 4)
    assert not workspace.grad_weight.any()
    assert not workspace.grad_bias.any()


def test_alone_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with workers_of_torchrun() as workers:
        assert (workers.count, workers.first) == (1, True)
        tensor = torch.ones(3)
        workers.add_up([tensor])
        workers.wait()
        assert tensor.tolist() == [1, 1, 1]
        assert workers.agree([0.5, 2.0]) == [0.5, 2.0]
    assert not torch.distributed.is_initialized()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Arrays of 301 users, and options that leave one of them to the last batch."""
    matrix = two_camps(301, 60)
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays/indptr.npy", matrix.indptr.astype(np.int64))
    np.save(tmp_path / "arrays/indices.npy", matrix.indices)
    (tmp_path / "arrays/about.json").write_text(json.dumps({"n_users": 301, "n_items": 60}))
    options = {"hidden": [16], "batch_size": 50, "epochs": 4, "checkpoint_seconds": 0}
    (tmp_path / "train.yml").write_text(json.dumps(options | {"learning_rate": 0.02}))
    return tmp_path


def train(place: Path, processes: int) -> subprocess.CompletedProcess[str]:
    """Train by so many processes, under torchrun or alone, with a thread each."""
    out = place / f"model-{processes}"
    words = ("-m", "offline.cli", "train", place / "arrays", "--out", out)
    start = (*TORCHRUN, processes) if processes > 1 else (sys.executable,)
    return subprocess.run(
        [*map(str, (*start, *words, "--config", place / "train.yml"))],
        cwd=REPO,
        env=dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.integration
def test_two_processes_train_as_one_does(place: Path) -> None:
    done = {processes: train(place, processes) for processes in (1, 2)}
    for one in done.values():
        assert one.returncode == 0, one.stderr
        assert not one.stderr
        # One process speaks for all.
        assert one.stdout.count("epoch   1: ") == 1
        assert one.stdout.count("kept epoch") == 1
    found = {processes: load_model(place / f"model-{processes}").metrics() for processes in done}
    for alone, together in zip(found[1]["epochs"], found[2]["epochs"], strict=True):
        # The order of additions differs, nothing else.
        assert together["loss"] == pytest.approx(alone["loss"], rel=1e-3)
        assert together["ndcg"] == pytest.approx(alone["ndcg"], abs=0.01)
        assert together["recall"] == pytest.approx(alone["recall"], abs=0.01)
    assert found[2]["epochs"][-1]["loss"] < 0.97 * found[2]["epochs"][0]["loss"]
    assert not (place / "model-2.training").exists()


@pytest.mark.integration
def test_what_is_wrong_is_said_under_torchrun_too(place: Path) -> None:
    (place / "train.yml").write_text("hidden: []")
    done = train(place, 2)
    assert done.returncode != 0
    assert "Error: " in done.stderr
    assert "hidden" in done.stderr
