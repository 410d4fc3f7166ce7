"""What a step takes, and what it does to the weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from offline.data.matrix import InteractionMatrix
from offline.models.dae.network import RaggedBatch
from offline.models.dae.training.batches import Batches
from offline.models.dae.training.optim import RowAdam

from ...camps import N_USERS, options, two_camps

MATRIX = two_camps()


@pytest.fixture
def batches() -> Callable[..., Batches]:
    return lambda **changed: Batches(InteractionMatrix.of(MATRIX), options(**changed))


def test_steps_are_functions_of_seed_epoch_and_step(batches: Callable[..., Batches]) -> None:
    one, again, other = batches(), batches(), batches(seed=1)
    order = one.order(3)
    assert sorted(order) == list(range(N_USERS))
    np.testing.assert_array_equal(order, again.order(3))
    assert order.tolist() != one.order(4).tolist()
    assert order.tolist() != other.order(3).tolist()
    # Asked for alone and out of turn, a step is what it would have been.
    late = again.batch(order, 3, 2)
    for step in range(3):
        batch = one.batch(order, 3, step)
    np.testing.assert_array_equal(batch.keep, late.keep)
    assert (batch.rows != MATRIX[order[40:60]]).nnz == 0
    assert (batch.keep != one.batch(order, 4, 2).keep).any()
    assert (batch.keep != one.batch(order, 3, 1).keep).any()


def test_dropout_drops_its_share_and_keeps_the_expectation() -> None:
    many = Batches(InteractionMatrix.of(two_camps(3000)), options(dropout=0.25, batch_size=3000))
    keep = many.batch(many.order(1), 1, 0).keep
    assert np.unique(keep) == pytest.approx([0.0, 1 / 0.75])
    assert keep.mean() == pytest.approx(1.0, abs=0.01)
    assert (many.batch(many.order(1), 2, 0).keep != keep).any()


Step = Callable[[RowAdam, RaggedBatch, torch.Tensor], None]


@pytest.fixture(params=["in one pass", "by torch"])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Step:
    """A step as a CPU takes it, and as other devices do."""
    if request.param == "by torch":
        monkeypatch.setattr(RowAdam, "_update_in_one_pass", RowAdam._update)
    return RowAdam.step


def alone(rows: torch.Tensor) -> RaggedBatch:
    """Each row as the only one of a user."""
    return RaggedBatch(rows, torch.arange(len(rows) + 1), torch.ones(len(rows)))


def test_rows_that_several_users_share_have_the_sum_of_their_gradients(step: Step) -> None:
    generator = torch.Generator().manual_seed(2)
    table = torch.randn(200, 7, generator=generator)
    ragged = RaggedBatch(
        torch.randint(0, 150, (500,), generator=generator),
        torch.tensor([0, 100, 100, 350, 500]),
        torch.rand(500, generator=generator),
    )
    gradient = torch.randn(4, 7, generator=generator)
    dense = torch.zeros_like(table).index_add_(
        0, ragged.places, gradient[ragged.owners] * ragged.weights[:, None]
    )
    expected = table.clone().requires_grad_()
    adam = torch.optim.Adam([expected], lr=0.01, betas=(0.0, 0.999))
    expected.grad = dense
    adam.step()
    step(RowAdam(table, 0.01, 0.0), ragged, gradient)
    torch.testing.assert_close(table, expected.detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.01])
def test_row_adam_is_adam_of_the_whole_table_without_momentum(step: Step, share: float) -> None:
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(3000, 5, generator=generator)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    adam = RowAdam(ours, 0.01, 0.0)
    torchs = torch.optim.Adam([theirs], lr=0.01, betas=(0.0, 0.999))
    for _ in range(8):
        at = (torch.rand(3000, generator=generator) < share).nonzero().squeeze(1)
        gradient = torch.randn(len(at), 5, generator=generator)
        step(adam, alone(at), gradient)
        theirs.grad = torch.zeros_like(start).index_copy_(0, at, gradient)
        torchs.step()
        torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-5)


def test_weight_decay_of_rows_is_adams(step: Step) -> None:
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(50, 5, generator=generator)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    torchs = torch.optim.Adam([theirs], lr=0.01, betas=(0.0, 0.999), weight_decay=0.1)
    theirs.grad = torch.randn(50, 5, generator=generator)
    torchs.step()
    step(RowAdam(ours, 0.01, 0.1), alone(torch.arange(50)), theirs.grad)
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-5)


def test_row_adam_leaves_the_other_rows_alone(step: Step) -> None:
    table = torch.ones(10, 3)
    adam = RowAdam(table, 0.1, weight_decay=0.1)
    step(adam, alone(torch.tensor([2, 7])), torch.ones(2, 3))
    step(adam, alone(torch.tensor([7])), torch.ones(1, 3))
    touched = torch.zeros(10, dtype=torch.bool)
    touched[[2, 7]] = True
    assert torch.equal(table[~touched], torch.ones(8, 3))
    assert (table[touched] < 1).all()
    assert not adam.square[~touched].any()
