"""Who liked what as arrays: read whole or mapped, checked, with entries left out."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet
from offline.errors import InputError

Write = Callable[..., Path]


def scattered(n_users: int = 200, n_tracks: int = 50) -> sparse.csr_matrix:
    """Chance likes; user 3 and the last have none, and nobody likes track 11."""
    dense = np.random.default_rng(4).random((n_users, n_tracks)) < 0.1
    dense[[3, -1]] = dense[:, 11] = False
    return sparse.csr_matrix(dense.astype(np.float32))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a directory of arrays: those of the scattered matrix, but for what is given."""

    def write(**changed: object) -> Path:
        matrix = scattered()
        parts = {
            "indptr": matrix.indptr.astype(np.int64),
            "indices": matrix.indices.astype(np.int32),
            "about": json.dumps({"n_users": 200, "n_items": 50}),
        } | changed
        directory = tmp_path / "arrays"
        directory.mkdir()
        for name in ("indptr", "indices"):
            if parts[name] is not None:
                np.save(directory / f"{name}.npy", parts[name])
        if parts["about"] is not None:
            (directory / "about.json").write_text(str(parts["about"]))
        return directory

    return write


def test_mapped_rows_are_those_of_the_matrix(write: Write) -> None:
    histories, matrix = InteractionMatrix.open(write(), 50), scattered()
    assert isinstance(histories.indices, np.memmap)
    assert (len(histories), histories.n_tracks) == (200, 50)
    for rows in (np.arange(200), np.array([3]), np.array([7, 3, 199, 7, 0]), np.array([], int)):
        taken = histories.take(rows)
        assert (taken != matrix[rows]).nnz == 0
        assert taken.dtype == np.float32
        assert taken.shape == (len(rows), 50)
    np.testing.assert_array_equal(histories.sizes, np.diff(matrix.indptr))
    np.testing.assert_array_equal(histories.popularity(), np.asarray(matrix.sum(axis=0))[0])


def test_entries_left_out_are_not_in_the_rows() -> None:
    matrix = scattered()
    histories = InteractionMatrix.of(matrix)
    entries = np.sort(np.random.default_rng(1).choice(matrix.nnz, size=300, replace=False))
    fewer = histories.without(entries)
    expected = matrix.toarray()
    expected[histories.users_of(entries), matrix.indices[entries]] = 0
    for rows in (np.arange(200), np.array([9, 3, 199, 9]), np.array([], int)):
        np.testing.assert_array_equal(fewer.take(rows).toarray(), expected[rows])
    np.testing.assert_array_equal(fewer.sizes, expected.sum(axis=1))
    assert histories.sizes.sum() == matrix.nnz  # the whole is as it was


def test_all_entries_may_be_left_out() -> None:
    matrix = scattered()
    nothing = InteractionMatrix.of(matrix).without(np.arange(matrix.nnz))
    assert nothing.take(np.arange(200)).nnz == 0
    assert not nothing.sizes.any()


def test_the_fingerprint_is_of_the_entries_and_the_catalog(write: Write) -> None:
    mapped, matrix = InteractionMatrix.open(write()), scattered()
    same = InteractionMatrix.of(matrix)
    assert mapped.fingerprint() == same.fingerprint()
    wider = InteractionMatrix(same.indptr, same.indices, 51)
    other = InteractionMatrix.of(matrix[:, ::-1].tocsr())
    assert len({histories.fingerprint() for histories in (same, wider, other)}) == 3


def _twice() -> np.ndarray:
    """User 1's first two entries are the same."""
    matrix = scattered()
    at = matrix.indptr[1]
    matrix.indices[at + 1] = matrix.indices[at]
    return matrix.indices


INDPTR, INDICES = scattered().indptr, scattered().indices
BAD = {
    "no bounds": ({"indptr": None}, "indptr.npy"),
    "no entries": ({"indices": None}, "indices.npy"),
    "no about": ({"about": None}, "about.json"),
    "about is no JSON": ({"about": "{"}, "no arrays to train on"),
    "about is a list": ({"about": "[]"}, "no arrays to train on"),
    "about lacks a key": ({"about": '{"n_users": 200}'}, "n_items"),
    "other number of users": (
        {"about": '{"n_users": 201, "n_items": 50}'},
        r"201 users .* indptr.npy must have 202 bounds, 0 to \d+; it has 201",
    ),
    "entries cut short": ({"indices": INDICES[:-1]}, rf"has {len(INDICES) - 1} entries"),
    "bounds do not begin at 0": ({"indptr": INDPTR + 1}, "make it again"),
    "bounds fall": ({"indptr": np.r_[0, 9, 5, INDPTR[3:]]}, "indptr.npy must not decrease"),
    "no bounds at all": ({"indptr": INDPTR[:0]}, "no arrays to train on|must have 201 bounds"),
    "bounds are fractions": ({"indptr": INDPTR.astype(float)}, "indptr.npy"),
    "entries are fractions": ({"indices": INDICES.astype(np.float32)}, "indices.npy"),
    "entries are a table": ({"indices": INDICES[:, None]}, "indices.npy"),
    "an object": ({"indices": np.array([None] * 9)}, "no arrays to train on"),
    "id too large": ({"indices": np.where(INDICES == 7, 50, INDICES)}, "item 50, .* 0 to 49"),
    "negative id": ({"indices": np.where(INDICES == 7, -1, INDICES)}, "item -1, .* 0 to 49"),
    "twice in a row": ({"indices": _twice()}, rf"user 1 has item {INDICES[INDPTR[1]]} twice"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused(case: str, write: Write) -> None:
    changed, message = BAD[case]
    with pytest.raises(InputError, match=message) as caught:
        InteractionMatrix.open(write(**changed))
    assert "\n" not in str(caught.value)
    assert "arrays" in str(caught.value)  # the directory's name


@pytest.mark.parametrize("name", ["indptr.npy", "indices.npy", "about.json"])
@pytest.mark.parametrize("share", [0, 0.5])
def test_cut_files_are_refused(name: str, share: float, write: Write) -> None:
    directory = write()
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="no arrays to train on"):
        InteractionMatrix.open(directory)


def test_a_catalog_of_another_size_is_refused_with_both_numbers(write: Write) -> None:
    with pytest.raises(InputError, match="has 50 tracks, but the catalog has 49"):
        InteractionMatrix.open(write(), 49)


def test_the_check_reaches_past_its_first_block(write: Write) -> None:
    n = 2**16 + 10
    indptr = np.arange(0, 2 * n + 1, 2)
    indices = np.tile(np.array([0, 1], np.int32), n)
    indices[-1] = 0
    about = json.dumps({"n_users": n, "n_items": 2})
    with pytest.raises(InputError, match=f"user {n - 1} has item 0 twice"):
        InteractionMatrix.open(write(indptr=indptr, indices=indices, about=about))


def test_a_source_of_arrays_numbers_its_users(write: Write) -> None:
    directory = write()
    training_set = TrainingSet.open(directory, None)
    np.testing.assert_array_equal(training_set.users, np.arange(200))
    np.testing.assert_array_equal(training_set.all_users, np.arange(200))
    assert training_set.fingerprint == InteractionMatrix.open(directory).fingerprint()
    assert training_set.histories.n_tracks == 50
