"""EASE, against its formula, and within the memory it promises."""

import subprocess
import sys

import numpy as np
import pytest

from offline.errors import InputError
from offline.models import ease
from offline.models.base import Recommender
from offline.models.check import scattered
from offline.models.ease import EASE

from .recommender_checks import FindsCamps


class TestEASE(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return EASE(l2=5)


@pytest.mark.parametrize("l2", [0.5, 80.0])
def test_scores_are_those_of_the_formula(l2: float) -> None:
    matrix = scattered()
    dense = matrix.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + l2 * np.eye(50))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    np.testing.assert_allclose(
        EASE(l2=l2).fit(matrix)._scores(matrix, None), dense @ weights, atol=1e-5
    )


@pytest.mark.parametrize("n", [1, 2, 9, 10])
def test_the_inverse_is_that_of_the_library_whatever_the_blocks(n: int) -> None:
    rows = np.random.default_rng(1).standard_normal((30, n))
    matrix = rows.T @ rows
    for step in (1, 3, 10, 99):
        found = matrix.astype(np.float32)
        ease._invert(found, progress=False, step=step)
        np.testing.assert_allclose(found, np.linalg.inv(matrix), atol=1e-5)


def test_too_little_memory_is_said_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "available_memory", lambda: 100_000_000)
    with pytest.raises(InputError, match=r"needs 0\.5 GB of memory for 50 items, and 0\.1 GB"):
        EASE().fit(scattered())


@pytest.mark.parametrize("l2", [0.0, -1.0, float("nan")])
def test_l2_must_be_above_0(l2: float) -> None:
    with pytest.raises(InputError, match=r"ease: l2: "):
        EASE(l2=l2)


def test_a_matrix_that_rounding_makes_singular_is_refused() -> None:
    matrix = scattered()
    with pytest.raises(InputError, match="too small for this data"):
        EASE(l2=1e-12).fit(matrix[:, [0] * 20 + list(range(30))])


MEASURE = """
import numpy as np
from scipy import sparse
from offline.memory import peak_memory
from offline.models.ease import EASE
from offline.models.check import scattered
n = 4000
rng = np.random.default_rng(1)
rows = np.repeat(np.arange(2000), 10)
items = np.concatenate([rng.choice(n, 10, replace=False) for _ in range(2000)])
matrix = sparse.csr_matrix((np.ones(20000, np.float32), (rows, items)), shape=(2000, n))
EASE().fit(matrix[:, :50])
before = peak_memory()
EASE().fit(matrix)
print((peak_memory() - before) / (4 * n * n))
"""


@pytest.mark.integration
def test_one_matrix_is_all_the_memory_it_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=120
    )
    assert 0.9 < float(done.stdout) < 1.7
