"""The multinomial loss and the model around it, beside the dense formulas."""

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor

from offline.models.dae import loss as multinomial
from offline.models.dae.loss import Workspace, multinomial_loss

from ...camps import N_TRACKS, N_USERS, gradients_of, small_model, two_camps

CPU = torch.device("cpu")
Case = tuple[Tensor, Tensor, Tensor, Tensor]
"""code, weight, bias, and the dense 0-1 rows."""


def case(scale: float = 1.0, n: int = 30, n_tracks: int = 50, d: int = 8) -> Case:
    """Codes like those of a tanh layer; user 3 has nothing, user 4 everything."""
    generator = torch.Generator().manual_seed(3)
    code = torch.tanh(torch.randn(n, d, generator=generator)).requires_grad_()
    weight = (scale * torch.randn(n_tracks, d, generator=generator)).requires_grad_()
    bias = torch.randn(n_tracks, generator=generator).requires_grad_()
    rows = (torch.rand(n, n_tracks, generator=generator) < 0.2).float()
    rows[3], rows[4] = 0.0, 1.0
    return code, weight, bias, rows


def workspace_for(users: int, dtype: torch.dtype = torch.float32, n_tracks: int = 50) -> Workspace:
    return Workspace(users, n_tracks, 8, dtype, CPU)


def ours(case: Case, workspace: Workspace | None = None) -> list[Tensor]:
    """The loss, and 3 times the gradients of code, weight and bias."""
    code, weight, bias, rows = case
    owners, tracks = rows.nonzero(as_tuple=True)
    workspace = workspace or workspace_for(30)
    loss, gradient = multinomial_loss(code, weight, bias, owners, tracks, workspace, 3.0)
    return [loss, gradient, workspace.grad_weight.clone(), workspace.grad_bias.clone()]


def plain(case: Case) -> list[Tensor]:
    """The same by torch's own means, in float64."""
    code, weight, bias, rows = (part.double() for part in case)
    loss = -(torch.log_softmax(code @ weight.T + bias, dim=1) * rows).sum()
    return [loss.detach(), *torch.autograd.grad(3.0 * loss, case[:3])]


@pytest.mark.parametrize("scale", [0.1, 1.0, 40.0], ids=lambda scale: f"logits x {scale}")
def test_loss_and_gradients_are_those_of_log_softmax(scale: float) -> None:
    for found, expected in zip(ours(case(scale)), plain(case(scale)), strict=True):
        assert torch.allclose(found, expected.to(found.dtype), rtol=1e-4, atol=1e-4)


def test_logits_beyond_the_range_of_exp_are_still_exact() -> None:
    code, weight, bias, rows = case()
    shifted = [(code, weight, (bias + by).detach().requires_grad_(), rows) for by in (150, -150)]
    for one in shifted:
        for found, expected in zip(ours(one), plain(one), strict=True):
            assert torch.isfinite(found).all()
            assert torch.allclose(found, expected.to(found.dtype), rtol=1e-3, atol=1e-3)


def test_bfloat16_is_within_its_rounding() -> None:
    given = case()
    exact = ours(given)
    rounded = ours(given, workspace_for(30, torch.bfloat16))
    assert rounded[0].dtype == torch.float32
    for found, expected in zip(rounded, exact, strict=True):
        # 8 bits of mantissa, in logits of up to about 8 and in the sums over tracks or users.
        assert (found - expected).abs().max() < 0.04 * expected.abs().max()
    assert not torch.equal(rounded[1], exact[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("users", [1, 7, 29, 30, 100])
def test_how_many_users_there_is_room_for_changes_nothing(users: int, dtype: torch.dtype) -> None:
    whole = ours(case(), workspace_for(30, dtype))
    parts = ours(case(), workspace_for(users, dtype))
    for found, expected in zip(parts, whole, strict=True):
        within = 1e-5 if dtype == torch.float32 else 1e-2
        assert (found - expected).abs().max() <= within * expected.abs().max()


def test_room_is_used_again_whatever_it_holds() -> None:
    workspace = workspace_for(10)
    for memory in (
        workspace.logits,
        workspace.product,
        workspace.grad_weight,
        workspace.grad_bias,
    ):
        memory.fill_(torch.nan)
    first = ours(case(), workspace)
    again = ours(case(), workspace)
    for found, expected in zip(again, first, strict=True):
        assert torch.equal(found, expected)


def test_room_is_bounded_and_never_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multinomial, "MAX_LOGITS", 1000)
    assert workspace_for(30).logits.shape == (20, 50)
    assert workspace_for(3).logits.shape == (3, 50)
    assert workspace_for(30, torch.bfloat16, 2000).logits.shape == (1, 2000)


def test_a_batch_without_a_track_costs_nothing() -> None:
    code, weight, bias, rows = case()
    loss, *gradients = ours((code, weight, bias, torch.zeros_like(rows)))
    assert loss == 0
    for gradient in gradients:
        assert not gradient.any()


def test_sparse_input_equals_the_dense_formula() -> None:
    model, matrix = small_model(8, 4), two_camps()
    ragged = model.ragged(matrix)
    dense = torch.from_numpy(matrix.toarray())
    code = torch.nn.functional.normalize(dense, dim=1) @ model.first + model.first_bias
    code = torch.tanh(model.layers[0](torch.tanh(code)))
    expected = model.last(code)
    assert torch.allclose(model(ragged), expected, atol=1e-6)
    log_likelihood = (torch.log_softmax(expected, dim=1) * dense).sum()
    loss, *ours = gradients_of(model, ragged)
    assert loss.item() == pytest.approx(-log_likelihood.item(), rel=1e-5)
    theirs = torch.autograd.grad(-log_likelihood, list(model.parameters()))
    for found, wanted in zip(ours, theirs, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_hidden_tracks_leave_the_input_and_stay_in_the_loss() -> None:
    model, matrix = small_model(8), two_camps()
    ragged = model.ragged(matrix)
    keep = torch.ones(matrix.nnz)
    keep[::3] = 0.0
    keep *= 1.5
    corrupted = ragged.corrupted(keep)
    assert len(corrupted.places) == int((keep > 0).sum())
    dense = torch.from_numpy(matrix.toarray())
    shown = dense.clone()
    shown[dense.nonzero(as_tuple=True)] = keep / dense.sum(dim=1).sqrt()[ragged.owners]
    expected = torch.tanh(shown @ model.first + model.first_bias)
    assert torch.allclose(model.encode(corrupted), expected, atol=1e-6)


def test_some_users_of_a_bag_are_as_if_they_were_alone() -> None:
    model, matrix = small_model(8), two_camps()
    whole, alone = model.ragged(matrix), model.ragged(matrix[17:40])
    part = whole.part(slice(17, 40))
    assert len(part) == len(alone) == 23
    for name in ("places", "offsets", "weights", "owners"):
        assert torch.equal(getattr(part, name), getattr(alone, name))
    assert len(whole.part(slice(5, 5))) == 0
    assert len(whole.part(slice(N_USERS, N_USERS)).places) == 0


def test_tracks_that_the_model_does_not_know_are_passed_over() -> None:
    known = np.arange(0, N_TRACKS, 3)
    model, matrix = small_model(8, tracks=known), two_camps()
    shown = np.zeros_like(matrix.toarray())
    shown[:, known] = matrix.toarray()[:, known]
    expected = model(model.ragged(sparse.csr_matrix(shown)))
    assert torch.equal(model(model.ragged(matrix)), expected)
    assert expected.shape == (N_USERS, len(known))


def test_a_user_without_interactions_is_served_and_breaks_nothing() -> None:
    model = small_model(8)
    empty = sparse.csr_matrix((2, N_TRACKS), dtype=np.float32)
    ragged = model.ragged(empty)
    assert torch.isfinite(model(ragged)).all()
    loss, *gradients = gradients_of(model, ragged)
    assert loss == 0
    for gradient in gradients:
        assert not gradient.any()
