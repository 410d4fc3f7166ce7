"""The multinomial loss over the whole catalog, without its full matrix of logits."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MOST_LOGITS = 2**25
"""Logits that are held at a time."""
# Sums of exponentials between these are exact enough as they come.
_SMALL, _LARGE = 1e-20, 1e30


def bfloat16_pays() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX512-BF16 or AMX)."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def logits_room(users: int, n_tracks: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Room for the logits of so many users, or of as many as `MOST_LOGITS` allows.

    Made once and used again: to get and clear fresh memory takes longer than to fill it.
    """
    rows = max(1, min(users, MOST_LOGITS // n_tracks))
    return torch.empty(rows, n_tracks, dtype=dtype, device=device)


class MultinomialLoss(torch.autograd.Function):
    """Negative log-likelihood of the tracks of some users, under a softmax of linear logits.

    Sum over users and their tracks of -log softmax(code @ weight.T + bias), as in Liang et al.,
    "Variational autoencoders for collaborative filtering" (WWW 2018). Gradients are made along
    with the loss, for as many users at a time as `room` has rows. The softmax side runs in the
    dtype of `room`, the tracks' side in float32, both are summed in float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        code: Tensor,
        weight: Tensor,
        bias: Tensor,
        owners: Tensor,
        tracks: Tensor,
        room: Tensor,
    ) -> Tensor:
        """`code` (n, d), `weight` (n_tracks, d), `bias` (n_tracks,); entry e is track `tracks[e]`
        of user `owners[e]`, by user. Gives a scalar.
        """
        n, d = code.shape
        sizes = torch.bincount(owners, minlength=n)
        bounds = torch.cat([sizes.new_zeros(1), torch.cumsum(sizes, 0)])
        # The bias as one more column, and ones for the sums: neither takes passes of its own.
        inputs = torch.cat([code, code.new_ones(n, 1)], dim=1)
        low = torch.empty(len(weight), d + 2, dtype=room.dtype, device=weight.device)
        low[:, :d], low[:, d], low[:, d + 1] = weight, bias, 1
        liked = functional.embedding_bag(
            tracks, weight, bounds, mode="sum", include_last_offset=True
        )
        loss = -(code * liked).sum() - bias.index_select(0, tracks).sum()
        grad_code = torch.empty_like(code)
        grad: Tensor | None = None
        for at in range(0, n, len(room)):
            part = inputs[at : at + len(room)]
            some = slice(at, at + len(part))
            mine = slice(int(bounds[at]), int(bounds[at + len(part)]))
            exponentials, log_total, sums = _exponentials(part.to(room.dtype), low, room)
            scale = sizes[some, None] / sums[:, -1:]
            loss += (log_total * sizes[some]).sum()
            grad_code[some] = sums[:, :d] * scale - liked[some]
            # Softmax less truth, in place: one product gives the gradient of both.
            whose = owners[mine] - at
            exponentials[whose, tracks[mine]] -= (1 / scale).squeeze(1)[whose].to(room.dtype)
            product = exponentials.T @ (part * scale).to(room.dtype)
            grad = product.float() if grad is None else grad.add_(product)
        if grad is None:  # no users: another process has all of the batch
            grad = weight.new_zeros(len(weight), d + 1)
        ctx.save_for_backward(grad_code, grad)
        return loss

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_code, grad_weight = ctx.saved_tensors
        scaled = grad_weight * grad
        return grad_code * grad, scaled[:, :-1], scaled[:, -1], None, None, None


def _exponentials(code: Tensor, low: Tensor, room: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(logits - c), the log of each row's sum plus c (n,), and the product with `low`.

    `low` (n_tracks, d) has the bias and ones as its last columns, so that the product (n, d), in
    float32, ends in the sums. c is 0, or the row's largest logit where that is needed.
    """
    out = room[: len(code)]
    torch.mm(code, low[:, :-1].T, out=out).exp_()
    sums = (out @ low).float()
    if bool(((sums[:, -1] > _SMALL) & (sums[:, -1] < _LARGE)).all()):
        return out, sums[:, -1].log(), sums
    torch.mm(code, low[:, :-1].T, out=out)
    largest = out.amax(dim=1, keepdim=True)
    out.sub_(largest).exp_()
    sums = (out @ low).float()
    return out, sums[:, -1].log() + largest.squeeze(1).float(), sums


def multinomial_loss(
    code: Tensor,
    weight: Tensor,
    bias: Tensor,
    owners: Tensor,
    tracks: Tensor,
    room: Tensor | None = None,
) -> Tensor:
    """See `MultinomialLoss`; without `room`, in float32."""
    if room is None:
        room = logits_room(len(code), len(weight), torch.float32, code.device)
    loss: Tensor = MultinomialLoss.apply(code, weight, bias, owners, tracks, room)  # type: ignore[no-untyped-call]
    return loss
