"""What stands where a file should and is none: nothing is waited for."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from offline.data.catalog import read_tracks
from offline.data.matrix import INDICES, INDPTR, SIZES, InteractionMatrix
from offline.errors import InputError
from offline.off_policy.policy_files import read_lists, read_top_tracks
from offline.options import load_options

READERS = [read_tracks, read_lists, read_top_tracks, load_options]


@pytest.mark.parametrize("read", READERS)
def test_a_pipe_a_device_and_a_directory_are_named(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="not a regular file") as found:
            read(path)
        assert str(found.value).startswith(str(path))


@pytest.mark.parametrize("name", [SIZES, INDPTR, INDICES])
def test_so_is_one_among_arrays(name: str, tmp_path: Path) -> None:
    (tmp_path / SIZES).write_text(json.dumps({"n_users": 1, "n_items": 1}))
    np.save(tmp_path / INDPTR, np.array([0, 1]))
    np.save(tmp_path / INDICES, np.array([0]))
    InteractionMatrix.open(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is a pipe or a device, not a regular file"):
        InteractionMatrix.open(tmp_path)
