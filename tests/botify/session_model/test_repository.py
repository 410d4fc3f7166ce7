"""Models on the repository: copies that are checked, and workers that follow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from botify.catalog import Catalog
from botify.errors import InputError
from botify.session_model.live import LiveModel
from botify.session_model.repository import ModelRepository

N = 12
Write = Callable[..., Path]


@pytest.fixture
def repository(tmp_path: Path) -> ModelRepository:
    (tmp_path / "repository").mkdir()
    return ModelRepository(tmp_path / "repository")


@pytest.fixture
def twelve() -> Catalog:
    return Catalog([*"ABCDEFABCDEF"], [f"title {track}" for track in range(N)])


def other(n_tracks: int = N) -> dict[str, np.ndarray]:
    return {"user_bias": np.full(10, -1, np.float32)}


def test_nothing_is_there_at_first(repository: ModelRepository, twelve: Catalog) -> None:
    model = LiveModel("hears", repository, twelve)
    assert (model.current, model.version, repository.version("hears")) == (None, "", "")


def test_a_worker_follows_what_is_put_there(
    repository: ModelRepository, twelve: Catalog, write_sessions: Write, tmp_path: Path
) -> None:
    file = write_sessions(tmp_path / "s.safetensors", N)
    first = repository.put("hears", file, N)
    model = LiveModel("hears", repository, twelve)
    assert model.version == first == repository.version("hears")
    before = model.current
    model.refresh()
    assert model.current is before
    second = repository.put("hears", write_sessions(file, N, other()), N)
    assert second != first
    model.refresh()
    assert model.version == second
    # The old one is gone from the disk, and still answers whoever has it.
    assert not repository.path("hears", first).exists()
    assert before is not None
    assert before.scores(3, np.array([2], np.int32), np.ones(1, np.float32)) is not None


def test_the_same_content_is_the_same_version(
    repository: ModelRepository, write_sessions: Write, tmp_path: Path
) -> None:
    file = write_sessions(tmp_path / "s.safetensors", N)
    assert repository.put("hears", file, N) == repository.put("hears", file, N)
    assert repository.path("hears", repository.version("hears")).is_file()


def test_a_file_that_is_refused_leaves_all_as_it_was(
    repository: ModelRepository, write_sessions: Write, tmp_path: Path
) -> None:
    file = write_sessions(tmp_path / "s.safetensors", N)
    version = repository.put("hears", file, N)
    before = sorted(path.name for path in (tmp_path / "repository").iterdir())
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"s\.safetensors: cut off: \w+ ends at byte"):
        repository.put("hears", file, N)
    with pytest.raises(InputError, match="made for a catalog of 12 tracks; this one has 13"):
        repository.put("hears", write_sessions(file, N), N + 1)
    file.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        repository.put("hears", file, N)
    assert repository.version("hears") == version
    assert sorted(path.name for path in (tmp_path / "repository").iterdir()) == before


def test_cutting_the_file_does_not_reach_who_maps_its_copy(
    repository: ModelRepository, twelve: Catalog, write_sessions: Write, tmp_path: Path
) -> None:
    file = write_sessions(tmp_path / "s.safetensors", N)
    repository.put("hears", file, N)
    model = LiveModel("hears", repository, twelve)
    file.write_bytes(b"")
    assert model.current is not None
    assert model.current.scores(3, np.array([2], np.int32), np.ones(1, np.float32)) is not None


def test_a_copy_that_somebody_spoiled_leaves_the_old_model(
    repository: ModelRepository,
    twelve: Catalog,
    write_sessions: Write,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = write_sessions(tmp_path / "s.safetensors", N)
    version = repository.put("hears", file, N)
    model = LiveModel("hears", repository, twelve)
    second = repository.put("hears", write_sessions(file, N, other()), N)
    repository.path("hears", second).write_bytes(b"spoiled!")
    for _ in range(3):
        model.refresh()
    assert model.version == version
    assert len(caplog.records) == 1  # said once


def test_artists_are_numbered_in_the_order_of_their_first_tracks(twelve: Catalog) -> None:
    assert twelve.artist_numbers == [0, 1, 2, 3, 4, 5] * 2
