"""The benchmark of training: its data are what they are said to be, its baseline is one."""

import json
import subprocess
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor, nn

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data() -> ModuleType:
    return import_module("bench.train.data")


@pytest.fixture(scope="module")
def baseline() -> ModuleType:
    return import_module("bench.train.dense_baseline")


@pytest.fixture(scope="module")
def twin() -> ModuleType:
    return import_module("bench.train.dense_curve")


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return import_module("bench.train.tables")


@pytest.fixture(scope="module")
def interactions(data: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> sparse.csr_matrix:
    directory = tmp_path_factory.mktemp("data") / "small"
    found: sparse.csr_matrix = data.matrix(data.made(directory, data.Size(300, 500, 20, 3)))
    return found


def test_data_have_the_size_asked_for(interactions: sparse.csr_matrix) -> None:
    assert interactions.shape == (300, 500)
    sizes = np.diff(interactions.indptr)
    assert sizes.min() >= 5
    assert sizes.mean() == pytest.approx(20, rel=0.1)
    assert interactions.has_canonical_format  # sorted, and no pair twice


def test_one_seed_one_set_of_data(data: ModuleType, tmp_path: Path) -> None:
    def arrays(name: str, seed: int) -> list[bytes]:
        directory = data.made(tmp_path / name, data.Size(200, 300, 10, seed))
        return [(directory / f"{part}.npy").read_bytes() for part in ("indptr", "indices")]

    assert arrays("first", 5) == arrays("again", 5)
    assert arrays("first", 5) != arrays("other", 6)


def test_a_directory_of_other_data_is_made_anew(data: ModuleType, tmp_path: Path) -> None:
    small, large = data.Size(20, 300, 10, 1), data.Size(30, 300, 10, 1)
    assert data.matrix(data.made(tmp_path / "d", small)).shape[0] == 20
    assert data.matrix(data.made(tmp_path / "d", large)).shape[0] == 30


def test_a_large_set_begins_with_the_blocks_of_a_small_one(
    data: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "BLOCK", 16)
    small = data.matrix(data.made(tmp_path / "small", data.Size(32, 300, 10, 1)))
    large = data.matrix(data.made(tmp_path / "large", data.Size(70, 300, 10, 1)))
    assert (large[:32] != small).nnz == 0
    assert len({tuple(row.indices) for row in large}) == 70  # blocks differ


def test_data_can_be_learned_and_have_a_long_tail(
    data: ModuleType, baseline: ModuleType, tmp_path: Path
) -> None:
    matrix = data.matrix(data.made(tmp_path / "d", data.Size(1000, 2000, 40, 1)))
    popularity = np.sort(np.bincount(matrix.indices, minlength=2000))[::-1]
    assert popularity[:400].sum() > 0.4 * popularity.sum()
    # Neighbours by cosine know better what is held out than popularity does.
    held = baseline.split(matrix, 1)
    known = held.seen.toarray()
    train = baseline.learned_from(held)
    together = (train.T @ train).toarray()
    norms = np.sqrt(together.diagonal()).clip(min=1)

    def found(scores: np.ndarray) -> float:
        scores = np.where(known > 0, -np.inf, scores)
        lists = np.argsort(-scores, axis=1)[:, :50]
        return float(
            import_module("offline.metrics.ranking")
            .ranking_metrics(lists, held.wanted)
            .ndcg.mean()
        )

    popular = np.tile(together.diagonal(), (len(known), 1))
    assert found(known @ (together / np.outer(norms, norms))) > 1.5 * found(popular)


class Masked(nn.Module):
    """Dropout that always drops the same tracks, of a dense batch or of a bag's `tracks`."""

    def __init__(self, interactions: sparse.csr_matrix, generator: torch.Generator) -> None:
        super().__init__()
        self._kept = torch.rand(interactions.shape[1], generator=generator) >= 0.5

    def forward(self, values: Tensor) -> Tensor:
        return values * (self._kept if values.dim() == 2 else self._kept[self.tracks]) * 2.0


def test_the_sparse_twin_takes_the_dense_loops_steps(
    baseline: ModuleType, twin: ModuleType, interactions: sparse.csr_matrix
) -> None:
    dense = baseline.new_model(interactions.shape[1], seed=4)
    sparse_model = twin.Sparse(baseline.new_model(interactions.shape[1], seed=4))
    dense.dropout = sparse_model.dropout = nn.Dropout(0.0)
    steps = [
        [
            loss
            for epoch in islice(baseline.train(model, interactions, 4), 3)
            for loss in epoch.losses
        ]
        for model in (dense, sparse_model)
    ]
    assert len(steps[0]) == 3 * 5  # batches of 64 from 300 users
    assert steps[0] == pytest.approx(steps[1], rel=1e-4)
    assert steps[0][-1] < steps[0][0]
    torch.testing.assert_close(sparse_model.first.T, dense.layers[0].weight, rtol=1e-2, atol=1e-4)


def test_the_twin_drops_tracks_as_the_dense_loop_does(
    baseline: ModuleType, twin: ModuleType, interactions: sparse.csr_matrix
) -> None:
    dense = baseline.new_model(interactions.shape[1], seed=4)
    sparse_model = twin.Sparse(dense)
    dense.dropout = Masked(interactions, torch.Generator().manual_seed(1))
    sparse_model.dropout = Masked(interactions, torch.Generator().manual_seed(1))
    rows = interactions[:64]
    ragged = twin._bag(rows)
    sparse_model.dropout.tracks = ragged[0]
    theirs = dense(torch.from_numpy(rows.toarray()))
    torch.testing.assert_close(sparse_model(*ragged), theirs, rtol=0, atol=1e-6)
    sparse_model.dropout = nn.Identity()
    assert not torch.allclose(sparse_model(*ragged), theirs, rtol=0, atol=1e-4)


def test_training_repeats_and_leaves_torchs_global_stream_alone(
    baseline: ModuleType, interactions: sparse.csr_matrix
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _, loss = baseline.run_dense_epoch(interactions, seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert baseline.run_dense_epoch(interactions, seed=1)[1] == loss
    assert baseline.run_dense_epoch(interactions, seed=2)[1] != loss


def test_argsort_lists_match_a_plain_loop(
    baseline: ModuleType, interactions: sparse.csr_matrix
) -> None:
    model = baseline.new_model(interactions.shape[1], seed=1)
    lists = baseline.argsort_lists(model, interactions, 10, exclude_input=True)
    scores = model.scores(interactions).numpy()
    for user, found in enumerate(lists):
        seen = set(interactions[[user]].indices)
        order = sorted((t for t in range(500) if t not in seen), key=lambda t: -scores[user, t])
        np.testing.assert_allclose(scores[user, found], scores[user, order[:10]], rtol=1e-5)
        assert not seen & set(found)


def test_time_to_a_quality_is_that_of_all_epochs_up_to_it(tables: ModuleType) -> None:
    ours = {"seconds": [2.0, 3.0, 4.0], "ndcg": [0.1, 0.3, 0.2]}
    assert tables.time_to(0.2, ours) == 5.0
    assert tables.time_to(0.4, ours) is None


def test_a_part_of_an_epoch_is_scaled_up_and_said_to_be(
    tables: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = {"seconds": [3.0], "steps": 10, "of_steps": 100, "peak_mb": 900.0}
    tables.report_epochs(baseline, {"seconds": [1.0, 2.0, 3.0], "peak_mb": 300.0})
    out = capsys.readouterr().out
    assert "| dense loop | 30.0 | 0.1 | 1 | 900 |" in out
    assert "| ours | 2.0 (1.0 to 3.0) | 3 | 15.0 | 300 |" in out
    assert "10 of 100 steps" in out


PARTS = {
    "epochs": "seconds an epoch",
    "scale": "| 300 |",
    "quality": "NDCG@50",
    "lists": "top 50 of 150 users",
}
"""And what each says."""


@pytest.mark.integration
@pytest.mark.parametrize("parts", [2, pytest.param(4, marks=pytest.mark.nightly)])
def test_the_whole_runs_once_and_is_kept(tmp_path: Path, parts: int) -> None:
    command = [sys.executable, "-m", "bench.train", "--out", str(tmp_path), "--epochs", "2"]
    command += ["--users", "150", "--items", "300", "--mean", "12"]
    command += ["--scale", "300" if parts == 2 else "200,300"]
    for part in list(PARTS)[:parts]:
        command += ["--only", part]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=True)

    first = run()
    for said in list(PARTS.values())[:parts]:
        assert said in first.stdout
    records = (tmp_path / "results.jsonl").read_text().splitlines()
    assert all(json.loads(line)["found"]["peak_mb"] > 50 for line in records if "peak" in line)
    again = run()
    assert again.stdout == first.stdout
    assert "running" not in again.stderr
    assert (tmp_path / "results.jsonl").read_text().splitlines() == records
