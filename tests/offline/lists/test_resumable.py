"""Exports that are cut short, of arrays on the disk."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.lists.by_score import by_score
from offline.lists.export import Exported, export_lists
from offline.lists.maker import ListMaker
from offline.lists.resumable import completed, work_directory
from offline.models.base import Recommender
from offline.models.dae.network import DAE
from offline.models.dae.recommender import DAERecommender
from offline.models.dae.training import Epoch, Trained
from offline.models.registry import load_model
from offline.models.top_n import TopN
from offline.options import TrainOptions

N_USERS, N_TRACKS = 600, 300
FILE_SUMS = ["neighbours.json", "recommendations.json", "top_tracks.json"]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Arrays in `data`, where user 5 has nothing, and a model of random weights in `model`."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 12, N_USERS)
    sizes[5] = 0
    data = tmp_path / "data"
    data.mkdir()
    np.save(data / "indptr.npy", np.concatenate([[0], np.cumsum(sizes)]))
    tracks = [np.sort(rng.choice(N_TRACKS, size, replace=False)) for size in sizes.tolist()]
    np.save(data / "indices.npy", np.concatenate(tracks).astype(np.int32))
    about = {"n_users": N_USERS, "n_items": N_TRACKS}
    (data / "about.json").write_text(json.dumps(about))
    save(tmp_path / "model", seed=1)
    return tmp_path


def save(directory: Path, seed: int) -> None:
    options = TrainOptions(hidden=(16,))
    tracks = np.arange(N_TRACKS)
    model = DAE(N_TRACKS, tracks, options.hidden, torch.Generator().manual_seed(seed))
    data = TrainingSet.open(directory.parent / "data", N_TRACKS)
    trained = Trained(model, (Epoch(1, 1.0, 0.1, 0.1, 1.0),))
    DAERecommender.of(trained, options, data).save(directory)


@pytest.fixture
def model(workplace: Path) -> Recommender:
    return load_model(workplace / "model")


@pytest.fixture
def training_set(workplace: Path) -> TrainingSet:
    return TrainingSet.open(workplace / "data", N_TRACKS)


@pytest.fixture
def whole(workplace: Path, model: Recommender, training_set: TrainingSet) -> dict[str, bytes]:
    """The files of an export that nothing disturbed."""
    export_lists(model, training_set, workplace / "whole")
    return files(workplace / "whole")


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def cut_short(model: Recommender, training_set: TrainingSet, out: Path, blocks: int) -> None:
    """Export, with Ctrl-C after so many blocks of 50 users."""
    ours = by_score(model, 50)
    left = blocks

    def of(rows: np.ndarray) -> TopN:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return ours.of(rows)

    with pytest.raises(KeyboardInterrupt):
        export_lists(model, training_set, out, block=50, lists=ListMaker(ours.recipe, of))


def gone_on(
    model: Recommender, training_set: TrainingSet, out: Path, block: int
) -> tuple[Exported, int]:
    """Export again; with how many users' lists were made."""
    ours = by_score(model, 50)
    asked = 0

    def of(rows: np.ndarray) -> TopN:
        nonlocal asked
        asked += len(rows)
        return ours.of(rows)

    done = export_lists(model, training_set, out, block=block, lists=ListMaker(ours.recipe, of))
    return done, asked


def test_users_without_tracks_get_the_most_popular(whole: dict[str, bytes]) -> None:
    assert list(whole) == FILE_SUMS
    lines = [json.loads(line) for line in whole["recommendations.json"].splitlines()]
    assert [line["user"] for line in lines] == list(range(N_USERS))
    top = json.loads(whole["top_tracks.json"])
    assert lines[5]["tracks"] == top[:50]
    assert sum(line["tracks"] == top[:50] for line in lines) == 1


@pytest.mark.parametrize(("blocks", "block"), [(0, 50), (3, 50), (3, 7), (11, 1000)])
def test_an_export_goes_on_where_it_was(
    blocks: int,
    block: int,
    workplace: Path,
    model: Recommender,
    training_set: TrainingSet,
    whole: dict[str, bytes],
) -> None:
    out = workplace / "lists"
    cut_short(model, training_set, out, blocks)
    assert not out.exists()
    # What a kill in the middle of a write leaves.
    with (workplace / "lists.export/recommendations.json").open("a") as file:
        file.write('{"user": 1')
    done, asked = gone_on(model, training_set, out, block)
    assert (done.users, done.without_interactions) == (N_USERS, 1)
    assert done.from_earlier == 50 * blocks
    assert asked == N_USERS - 50 * blocks - (blocks == 0)
    assert files(out) == whole
    assert not (workplace / "lists.export").exists()


@pytest.mark.parametrize("other", ["model", "data", "length", "recipe", "damage", "bit", "count"])
def test_nothing_is_taken_over_from_another_export(
    other: str, workplace: Path, model: Recommender, training_set: TrainingSet
) -> None:
    cut_short(model, training_set, workplace / "lists", 3)
    length, lists = 50, by_score(model, 50)
    if other == "model":
        save(workplace / "other", seed=2)
        model = load_model(workplace / "other")
        lists = by_score(model, 50)
    elif other == "data":
        indices = np.load(workplace / "data/indices.npy")
        indices[: training_set.histories.indptr[1]] = np.arange(training_set.histories.indptr[1])
        np.save(workplace / "data/indices.npy", indices)
        save(workplace / "model", seed=1)
        model = load_model(workplace / "model")
        training_set = TrainingSet.open(workplace / "data", N_TRACKS)
        lists = by_score(model, 50)
    elif other == "length":
        length, lists = 20, by_score(model, 20)
    elif other == "recipe":
        lists = ListMaker("backwards", partial(backwards, lists))
    elif other == "damage":
        with (workplace / "lists.export/recommendations.json").open("r+") as file:
            file.truncate(10)
    else:
        names = {"bit": "recommendations.json", "count": "recommendations.json.done"}
        path = workplace / "lists.export" / names[other]
        content = bytearray(path.read_bytes())
        content[content.index(b"1")] ^= 8  # a digit still, and JSON
        path.write_bytes(content)
    for out in ("lists", "anew"):
        place = workplace / out
        done = export_lists(model, training_set, place, list_length=length, lists=lists)
        assert done.from_earlier == 0
    assert files(workplace / "lists") == files(workplace / "anew")


def backwards(lists: ListMaker, rows: np.ndarray) -> TopN:
    return TopN(*(part[:, ::-1] for part in lists.of(rows)))


def test_an_earlier_result_stays_until_the_new_one_is_whole(
    workplace: Path, model: Recommender, training_set: TrainingSet, whole: dict[str, bytes]
) -> None:
    out = workplace / "lists"
    export_lists(model, training_set, out, list_length=20)
    earlier = files(out)
    cut_short(model, training_set, out, 3)
    assert files(out) == earlier
    gone_on(model, training_set, out, 50)
    assert files(out) == whole


def test_the_first_line_says_how_many_lists_there_are(whole: dict[str, bytes]) -> None:
    for name in ("recommendations.json", "neighbours.json"):
        lines = [json.loads(line) for line in whole[name].splitlines()]
        assert lines[0].pop("lists") == len(lines)
        assert {len(line) for line in lines} == {2}


def test_two_exports_to_one_place_do_not_mix(
    workplace: Path, model: Recommender, training_set: TrainingSet
) -> None:
    with (
        work_directory(workplace / "lists.export", {"of": "the other"}),
        pytest.raises(InputError, match="is in use: wait until the other run is done"),
    ):
        export_lists(model, training_set, workplace / "lists")
    export_lists(model, training_set, workplace / "lists")


def command(workplace: Path, *more: str) -> list[str]:
    program = "from offline.cli import main; main()"
    words = ["export", "model", "data", "--out", "lists", *more]
    return [sys.executable, "-W", "error", "-c", program, *words]


@pytest.mark.integration
def test_a_killed_export_gives_the_same_bytes_in_the_end(
    workplace: Path, whole: dict[str, bytes]
) -> None:
    program = command(workplace, "--block", "1")
    done = workplace / "lists.export/recommendations.json"
    with subprocess.Popen(program, cwd=workplace) as process:
        wait_until(lambda: completed(done) >= 40 or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (workplace / "lists").exists()
    assert 40 <= completed(done) < N_USERS
    again = subprocess.run(program, cwd=workplace, capture_output=True, text=True, check=True)
    assert "resumed an interrupted export after" in again.stdout
    assert files(workplace / "lists") == whole
    assert not (workplace / "lists.export").exists()


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.integration
def test_on_a_full_disk(workplace: Path, whole: dict[str, bytes]) -> None:
    """A disk of 1 MiB of its own, where the system lets us mount one; lists take 150 KiB."""
    disk = workplace / "disk"
    disk.mkdir()
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-e", "-c"]
    script = 'mount -t tmpfs -o size=1m none "$0"'
    if not shutil.which("unshare") or subprocess.run([*mount, script, disk]).returncode:
        pytest.skip("no user namespaces here: a small disk cannot be mounted")
    script += """
        "$@" --length 5
        cp "$0"/lists/* earlier
        head -c 10M /dev/zero > "$0"/fill || true
        truncate -s -100k "$0"/fill
        "$@" && exit 9 || test $? = 2
        diff -r "$0"/lists earlier
        rm "$0"/fill
        "$@"
        cp "$0"/lists/* later
        test "$(ls -A "$0")" = lists
    """
    for name in ("earlier", "later"):
        (workplace / name).mkdir()
    words = [word if word != "lists" else str(disk / "lists") for word in command(workplace)]
    words += ["--block", "100"]
    done = subprocess.run(
        [*mount, script, str(disk), *words], cwd=workplace, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert errors == [
        f"Error: cannot write {disk}/lists: No space left on device; fix that and run the same "
        f"command again: finished lists wait in {disk}/lists.export"
    ]
    assert "resumed an interrupted export after" in done.stdout
    assert files(workplace / "later") == whole
