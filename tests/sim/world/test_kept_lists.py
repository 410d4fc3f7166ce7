from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.world import kept_lists
from sim.world.kept_lists import kept

LISTS = np.arange(12, dtype=np.int64).reshape(3, 4)
OF = (np.ones((3, 2), dtype=np.float32), np.arange(3))


class Counted:
    def __init__(self, lists: np.ndarray) -> None:
        self.lists, self.times = lists, 0

    def __call__(self) -> np.ndarray:
        self.times += 1
        return self.lists


@pytest.fixture
def compute() -> Counted:
    return Counted(LISTS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tracks.first_tracks.npz"


def test_lists_are_computed_once(path: Path, compute: Counted) -> None:
    for _ in range(3):
        found = kept(path, OF, compute)
        assert found.dtype == np.int64
        assert found.tolist() == LISTS.tolist()
    assert compute.times == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "other",
    [
        (OF[0] + np.float32(1e-7), OF[1]),
        (OF[0], OF[1] + 1),
        (OF[0].reshape(2, 3), OF[1]),
        (OF[0].astype(np.float64), OF[1]),
    ],
)
def test_of_anything_else_they_are_computed_anew(
    path: Path, compute: Counted, other: tuple[np.ndarray, ...]
) -> None:
    kept(path, OF, Counted(LISTS + 100))
    assert kept(path, other, compute).tolist() == LISTS.tolist()
    assert compute.times == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no archive"),
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(path.read_bytes().replace(bytes([7]), bytes([8]))),
        lambda path: np.savez(path, other=LISTS),
    ],
)
def test_a_damaged_file_counts_as_absent_and_is_replaced(
    path: Path, compute: Counted, spoil: Callable[[Path], object]
) -> None:
    kept(path, OF, Counted(LISTS))
    spoil(path)
    assert kept(path, OF, compute).tolist() == LISTS.tolist()
    assert kept(path, OF, compute).tolist() == LISTS.tolist()
    assert compute.times == 1


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path, compute: Counted) -> None:
    path = tmp_path / "no such folder" / "lists.npz"
    assert kept(path, OF, compute).tolist() == LISTS.tolist()
    assert kept(None, OF, compute).tolist() == LISTS.tolist()
    assert compute.times == 2


def test_a_world_plays_the_same_with_and_without_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim import GeneratorOptions, generate
    from sim.world import model

    world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    monkeypatch.setattr(model, "WORTH", 0)
    path = tmp_path / "lists.npz"
    of_file = [model.replace(world, kept_at=path).first_tracks for _ in range(2)]
    assert path.is_file()
    for bounds, tracks in of_file:
        assert bounds.tolist() == world.first_tracks[0].tolist()
        assert tracks.tolist() == world.first_tracks[1].tolist()
    assert kept_lists.WORTH > 20 * 100  # small worlds have no such file
