"""A run that was stopped goes on to the weights that it would have had, or says why not."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from scipy import sparse

from offline.errors import InputError
from offline.models.dae.training import Checkpoints, Hooks, Trained, fit
from offline.models.dae.training.checkpoint import CHECKPOINT, State
from offline.options import TrainOptions

from ...camps import N_TRACKS, N_USERS, options, same, two_camps

MATRIX = two_camps()
OFTEN = options(epochs=4, checkpoint_seconds=0)
STEPS = 3
"""Of an epoch: 60 users in batches of 20."""


class StoppedError(Exception):
    """What ends a run, in place of a kill."""


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Trained]:
    """Trains with checkpoints in `work`; stops after so many steps, where told to."""

    def train(
        stop: int | None = None,
        options: TrainOptions = OFTEN,
        matrix: sparse.csr_matrix = MATRIX,
        fingerprint: str = "abc",
        starts: list[tuple[int, int]] | None = None,
    ) -> Trained:
        done = 0

        def on_start(state: State, users: int) -> None:
            if starts is not None:
                starts.append((state.epoch, state.step))

        def on_step(users: int, loss: float) -> None:
            nonlocal done
            # Heard before the step is saved: the last one is lost, as in a kill.
            if done == stop:
                raise StoppedError
            done += 1

        hooks = Hooks(on_start=on_start, on_step=on_step)
        checkpoints = Checkpoints(tmp_path / "work", fingerprint)
        return fit(matrix, options, hooks=hooks, checkpoints=checkpoints)

    return train


@pytest.fixture
def whole() -> Trained:
    return fit(MATRIX, OFTEN)


def alike(one: Trained, other: Trained) -> bool:
    """The same but for how long it took."""
    figures = [
        [(e.number, e.loss, e.ndcg, e.recall) for e in trained.epochs] for trained in (one, other)
    ]
    return same(one.model, other.model) and figures[0] == figures[1]


@pytest.mark.parametrize("stop", [1, 2, STEPS, STEPS + 1, 2 * STEPS, 4 * STEPS - 1])
def test_a_run_goes_on_where_it_was(
    stop: int, train: Callable[..., Trained], whole: Trained
) -> None:
    starts: list[tuple[int, int]] = []
    with pytest.raises(StoppedError):
        train(stop, starts=starts)
    assert alike(train(starts=starts), whole)
    assert starts == [(1, 0), (1 + stop // STEPS, stop % STEPS)]


def test_a_run_may_be_stopped_at_every_step(train: Callable[..., Trained], whole: Trained) -> None:
    for _ in range(4 * STEPS - 1):
        with pytest.raises(StoppedError):
            train(1)
    assert alike(train(1), whole)


def test_a_run_that_is_over_gives_the_same_again(
    train: Callable[..., Trained], whole: Trained
) -> None:
    starts: list[tuple[int, int]] = []
    train()
    assert alike(train(0, starts=starts), whole)  # without a step
    assert starts[0] == (5, 0)


def test_checkpoints_change_nothing(train: Callable[..., Trained], whole: Trained) -> None:
    assert alike(train(), whole)


def test_none_is_saved_before_its_time(tmp_path: Path, train: Callable[..., Trained]) -> None:
    train(options=options(epochs=2, checkpoint_seconds=1000))
    assert not (tmp_path / "work").exists()


def test_how_often_it_saves_may_change(train: Callable[..., Trained], whole: Trained) -> None:
    with pytest.raises(StoppedError):
        train(4)
    assert alike(train(options=OFTEN.model_copy(update={"checkpoint_seconds": 60.0})), whole)


def test_nothing_else_is_left_beside_a_checkpoint(
    tmp_path: Path, train: Callable[..., Trained]
) -> None:
    with pytest.raises(StoppedError):
        train(4)
    (tmp_path / "work" / f".{CHECKPOINT}.new").write_bytes(b"half")  # of a kill while saving
    train()
    assert [path.name for path in (tmp_path / "work").iterdir()] == [CHECKPOINT]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_cut_checkpoint_is_refused(
    share: float, tmp_path: Path, train: Callable[..., Trained]
) -> None:
    with pytest.raises(StoppedError):
        train(4)
    path = tmp_path / "work" / CHECKPOINT
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"cannot be read .*: delete it to start over") as caught:
        train()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path, train: Callable[..., Trained]) -> None:
    with pytest.raises(StoppedError):
        train(4)
    path = tmp_path / "work" / CHECKPOINT
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    sizes = range(8), range(8, begin, begin // 60), range(begin, len(content), len(content) // 40)
    for place in [place for places in sizes for place in places]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(InputError, match="delete it to start over") as caught:
            train()
        assert str(path) in str(caught.value)
    path.write_bytes(content)
    train()


def test_one_without_a_checksum_is_not_gone_on_from(
    tmp_path: Path, train: Callable[..., Trained]
) -> None:
    with pytest.raises(StoppedError):
        train(4)
    path = tmp_path / "work" / CHECKPOINT
    path.write_bytes(path.read_bytes().replace(b'"sha256"', b'"sha257"'))
    with pytest.raises(InputError, match="has no checksum: it is damaged, or of an earlier"):
        train()


def test_a_checkpoint_of_another_kind_is_refused(
    tmp_path: Path, train: Callable[..., Trained]
) -> None:
    (tmp_path / "work").mkdir()
    save_file({"model.first": torch.zeros(3)}, tmp_path / "work" / CHECKPOINT)
    with pytest.raises(InputError, match="cannot be read"):
        train()


def test_a_checkpoint_of_another_catalog_is_refused(train: Callable[..., Trained]) -> None:
    with pytest.raises(StoppedError):
        train(4)
    wider = sparse.hstack([MATRIX, sparse.csr_matrix((N_USERS, 2))]).tocsr()
    with pytest.raises(InputError, match=f"catalog of {N_TRACKS} tracks, but .* {N_TRACKS + 2}:"):
        train(matrix=wider)


def test_a_checkpoint_of_other_data_is_refused(train: Callable[..., Trained]) -> None:
    with pytest.raises(StoppedError):
        train(4)
    with pytest.raises(InputError, match="other interactions: delete it"):
        train(fingerprint="abd")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hidden": (8,)}, r"with hidden \[16\], not \[8\]"),
        ({"seed": 1}, "with seed 31337, not 1"),
        ({"precision": "bfloat16"}, "with precision float32, not bfloat16"),
        ({"batch_size": 10}, "with batch_size 20, not 10"),
    ],
)
def test_a_checkpoint_of_other_options_names_the_option(
    changed: dict[str, object], message: str, train: Callable[..., Trained]
) -> None:
    with pytest.raises(StoppedError):
        train(4)
    with pytest.raises(InputError, match=f"{message}: delete it to start over, or train with its"):
        train(options=OFTEN.model_copy(update=changed))


def test_no_place_for_a_checkpoint_is_said(tmp_path: Path, train: Callable[..., Trained]) -> None:
    (tmp_path / "work").write_text("a file")
    with pytest.raises(InputError, match=r"cannot write a checkpoint into .*work"):
        train()
    assert (tmp_path / "work").read_text() == "a file"
