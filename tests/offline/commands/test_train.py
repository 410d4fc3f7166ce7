"""`botify-offline train` as a program: what it says, and what a kill leaves of it."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import unpack
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tensorboardX.proto.event_pb2 import Event

from offline.cli import main
from offline.data.training_set import TrainingSet
from offline.models.dae.training import Checkpoints, Hooks, fit
from offline.models.dae.training.checkpoint import CHECKPOINT
from offline.models.dae.training.tensorboard import ScalarWriter
from offline.models.registry import load_model
from offline.options import load_options

from ..camps import two_camps

REPO = Path(__file__).parents[3]
OFFLINE = (sys.executable, "-m", "offline.cli")
N_USERS = 300
EPOCHS = 4

Train = Callable[..., str]


def environment() -> dict[str, str]:
    """This one, a thread a program: the same number of threads gives the same weights."""
    return dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with arrays, and options under which each step, of a few users, is saved."""
    write_arrays(tmp_path / "arrays")
    write_options(tmp_path)
    return tmp_path


def write_arrays(directory: Path, seed: int = 7) -> None:
    matrix = two_camps(N_USERS, 60, seed=seed)
    directory.mkdir()
    np.save(directory / "indptr.npy", matrix.indptr.astype(np.int64))
    np.save(directory / "indices.npy", matrix.indices)
    (directory / "about.json").write_text(json.dumps({"n_users": N_USERS, "n_items": 60}))


def write_options(directory: Path, **changed: object) -> None:
    options = {
        "hidden": [16],
        "batch_size": 3,
        "epochs": EPOCHS,
        "patience": EPOCHS,
        "checkpoint_seconds": 0,
    } | changed
    (directory / "train.yml").write_text(json.dumps({"model": {"type": "dae", **options}}))


def words(place: Path, *more: str, out: str = "model") -> list[str]:
    """The arguments of `train`."""
    where = (str(place / "arrays"), "--out", str(place / out))
    return ["train", *where, "--config", str(place / "train.yml"), *more]


@pytest.fixture
def train(place: Path) -> Train:
    """Runs the command to its end and gives what it said; `fails`: one line, exit code 2."""

    def run(*more: str, out: str = "model", fails: bool = False) -> str:
        done = CliRunner().invoke(main, words(place, *more, out=out))
        assert done.exit_code == (2 if fails else 0), done.output
        if fails:
            assert done.stderr.startswith("Error: ")
            assert done.stderr.count("\n") == 1, done.stderr
        else:
            assert not done.stderr
        return done.output

    return run


def position(checkpoint: Path) -> tuple[int, int]:
    """The epoch and step that a checkpoint goes on with; 0 where there is none."""
    if not checkpoint.exists():
        return 0, 0
    with checkpoint.open("rb") as file:
        header = json.loads(file.read(unpack("<Q", file.read(8))[0]))
    about = json.loads(header["__metadata__"]["about"])
    return about["epoch"], about["step"]


def interrupted(place: Path, number: signal.Signals) -> tuple[int, str]:
    """Start training and stop it by a signal in a later epoch; exit code and stderr."""
    checkpoint = place / "model.training" / CHECKPOINT
    with subprocess.Popen(
        [*OFFLINE, *words(place)],
        cwd=REPO,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        until = time.monotonic() + 300
        while position(checkpoint) <= (2, 0):
            assert program.poll() is None, program.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.002)
        program.send_signal(number)
        _, said = program.communicate(timeout=300)
    assert (2, 0) < position(checkpoint) < (EPOCHS, 0)
    assert not (place / "model").exists()
    return program.returncode, said


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As `environment` gives programs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.integration
def test_a_run_that_was_stopped_gives_the_model_that_it_would_have(
    place: Path, train: Train, one_thread: None
) -> None:
    write_options(place, batch_size=6)
    train(out="whole")
    for number in (signal.SIGKILL, signal.SIGINT):
        code, said = interrupted(place, number)
        if number == signal.SIGINT:
            assert (code, said.strip()) == (1, "Aborted!")
        else:
            assert code == -signal.SIGKILL
        epoch, step = position(place / "model.training" / CHECKPOINT)
        said = train()
        assert f"Resuming from checkpoint (epoch {epoch}, step {step})\n" in said

        weights = [(place / out / "model.safetensors").read_bytes() for out in ("whole", "model")]
        assert weights[0] == weights[1]
        assert figures(place / "model") == figures(place / "whole")
        assert not (place / "model.training").exists()
        shutil.rmtree(place / "model")


def figures(model: Path) -> dict[str, object]:
    """What a model directory says of its training, but for how fast it was."""
    found = load_model(model).metrics()
    for epoch in (found["best"], *found["epochs"]):
        del epoch["users_per_second"]
    return found


def test_other_options_need_a_fresh_start(place: Path, train: Train) -> None:
    write_options(place, epochs=2, batch_size=50)
    train()
    stop_after_an_epoch(place)
    write_options(place, epochs=2, batch_size=50, dropout=0.4)
    assert "with dropout 0.5, not 0.4" in train(fails=True)
    assert load_model(place / "model").config.dropout == 0.5  # as it was
    assert "Resuming" not in train("--fresh")
    assert load_model(place / "model").config.dropout == 0.4
    assert epochs_drawn(place / "model" / "scalars") == [1, 2]


def test_other_data_need_a_fresh_start(place: Path, train: Train) -> None:
    write_options(place, epochs=2, batch_size=50)
    stop_after_an_epoch(place)
    shutil.rmtree(place / "arrays")
    write_arrays(place / "arrays", seed=8)
    assert "other interactions: delete it to start over" in train(fails=True)
    assert "kept epoch" in train("--fresh")


def stop_after_an_epoch(place: Path) -> None:
    """Leave what a run leaves that was stopped early in its second epoch."""

    def stop(users: int, loss: float) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1

    left = N_USERS // 50 + 1
    training_set, work = TrainingSet.open(place / "arrays", None), place / "model.training"
    with ScalarWriter(work / "scalars") as scalars, pytest.raises(KeyboardInterrupt):
        fit(
            training_set.histories,
            load_options(place / "train.yml"),
            hooks=Hooks(on_step=stop, on_epoch=scalars.add),
            checkpoints=Checkpoints(work, training_set.fingerprint),
        )
    assert position(work / CHECKPOINT) == (2, 1)


def test_scalars_of_each_epoch_can_be_read_back(place: Path, train: Train) -> None:
    write_options(place, epochs=3, batch_size=50)
    train()
    epochs = load_model(place / "model").metrics()["epochs"]
    found = dict(scalars(place / "model" / "scalars"))
    for tag, name in {
        "loss": "loss",
        "held_out/ndcg_50": "ndcg",
        "held_out/recall_50": "recall",
        "users_per_second": "users_per_second",
    }.items():
        expected = [(epoch["number"], pytest.approx(epoch[name])) for epoch in epochs]
        assert found[tag] == expected


def events(directory: Path) -> Iterator[Any]:
    """The events of a directory's files: each is its length, a sum, itself, and a sum."""
    for path in sorted(directory.glob("events.out.tfevents.*")):
        content = path.read_bytes()
        while content:
            (length,) = unpack("<Q", content[:8])
            yield Event.FromString(content[12 : 12 + length])
            content = content[12 + length + 4 :]


def scalars(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by tag."""
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(directory):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def epochs_drawn(directory: Path) -> list[int]:
    """Epochs of which there is a loss."""
    return [step for step, _ in scalars(directory)["loss"]]


@pytest.mark.integration
def test_a_terminal_shows_a_bar(place: Path) -> None:
    write_options(place, epochs=3, batch_size=50)
    screen = on_a_terminal(place)
    bar = re.search(r"(\d+)%.* ([\d.k]+)/(\d+) .*users/s, loss ([\d.]+), NDCG@50 0.\d{3}", screen)
    assert bar, screen
    assert int(bar[3]) == 3 * N_USERS
    # Where colorama is installed, tqdm has it reset the terminal's colours at the end.
    last = screen.replace("\x1b[0m", "").rstrip().splitlines()[-1]
    assert last.startswith("kept epoch "), last


def on_a_terminal(place: Path) -> str:
    """All that training writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    with subprocess.Popen(
        [*OFFLINE, *words(place)], cwd=REPO, env=environment(), stdout=theirs, stderr=theirs
    ) as program:
        os.close(theirs)
        screen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            screen += part
        os.close(ours)
    assert program.returncode == 0, screen
    return screen.decode()


def test_bad_input_is_one_line(place: Path, train: Train) -> None:
    indices = np.load(place / "arrays/indices.npy")
    indices[7] = 60
    np.save(place / "arrays/indices.npy", indices)
    assert "item 60, but items are 0 to 59" in train(fails=True)
    (place / "arrays/indices.npy").unlink()
    assert "indices.npy" in train(fails=True)
    (place / "arrays/indptr.npy").unlink()
    assert "interactions.parquet" in train(fails=True)
    assert not (place / "model.training").exists()


def test_a_place_that_is_taken_is_said_before_training(place: Path, train: Train) -> None:
    (place / "model").mkdir()
    (place / "model/precious").touch()
    assert "holds other files" in train(fails=True)
    assert not (place / "model.training").exists()


SMALL_DISK = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
MOUNT = 'mount -t tmpfs -o size="$1" none "$0"'
RUN = 'cp -r "$2" "$0"; shift 2; "$@"; code=$?; find "$0" -type f; exit $code'


@pytest.mark.integration
@pytest.mark.parametrize(
    ("pages", "seconds", "message"),
    [
        pytest.param(0, 1000, "cannot write scalars into", id="no room for scalars"),
        pytest.param(2, 0, "cannot write a checkpoint into", id="no room for a checkpoint"),
        pytest.param(4, 1000, "cannot write the model to", id="no room for the model"),
    ],
)
def test_a_full_disk_is_one_line_and_nothing_half_written(
    pages: int, seconds: int, message: str, place: Path
) -> None:
    """A disk of so many pages, where the system lets us mount one, that holds a file already."""
    disk = place / "disk"
    disk.mkdir()
    page = os.sysconf("SC_PAGE_SIZE")
    (place / "fill").write_bytes(bytes(page))
    mount = [*SMALL_DISK, MOUNT, str(disk), str((pages + 1) * page)]
    if not shutil.which("unshare") or subprocess.run(mount).returncode:
        pytest.skip("no user namespaces here: a small disk cannot be mounted")
    write_options(place, hidden=[64], epochs=2, batch_size=50, checkpoint_seconds=seconds)
    mount[mount.index(MOUNT)] = f"{MOUNT}; {RUN}"
    done = subprocess.run(
        [*mount, str(place / "fill"), *OFFLINE, *words(place, out="disk/model")],
        cwd=REPO,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"Error: {message} {disk}/model")
    assert "No space left on device" in done.stderr
    left = [Path(line) for line in done.stdout.splitlines() if line.startswith(str(disk))]
    assert disk / "fill" in left
    assert {path.parent for path in left} <= {disk, disk / "model.training/scalars"}, left


def test_the_session_model_needs_plays_and_artists(place: Path) -> None:
    def refused(*more: str) -> str:
        done = CliRunner().invoke(main, words(place, "--sessions", *more))
        assert done.exit_code == 2
        assert not (place / "model").exists()
        return done.output

    assert "--catalog is missing: the session model needs the artists in it" in refused()
    tracks = ({"track": t, "artist": "a", "title": "t"} for t in range(60))
    catalog = place / "tracks.json"
    catalog.write_text("".join(f"{json.dumps(track)}\n" for track in tracks))
    assert "the session model needs the plays" in refused("--catalog", str(catalog))


def test_a_wrong_option_of_sessions_is_named(place: Path) -> None:
    write_options(place, sessions={"dimensions": 0})
    done = CliRunner().invoke(main, words(place))
    assert done.exit_code == 2
    assert "sessions.dimensions: " in done.output
