"""The multinomial loss over the whole catalog, without its full matrix of logits."""

import torch
from torch import Tensor
from torch.nn import functional

MAX_LOGITS = 2**25
"""Logits that are held at a time."""
# Sums of exponentials between these are exact enough as they come.
_SMALL, _LARGE = 1e-20, 1e30


def bfloat16_pays() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX512-BF16 or AMX)."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


class Workspace:
    """Buffers of the loss: logits of all users of a batch, or of as many as `MAX_LOGITS` allows.

    Made once and used again: to get and clear fresh memory takes longer than to fill it.
    """

    def __init__(
        self, users: int, n_tracks: int, d: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        rows = max(1, min(users, MAX_LOGITS // n_tracks))
        self.logits = torch.empty(rows, n_tracks, dtype=dtype, device=device)
        self.low = torch.ones(n_tracks, d + 2, dtype=dtype, device=device)
        """Weights, biases and ones."""
        self.product = torch.empty(n_tracks, d + 1, dtype=dtype, device=device)
        self.grad_weight = torch.empty(n_tracks, d, device=device)
        self.grad_bias = torch.empty(n_tracks, device=device)


@torch.no_grad()
def multinomial_loss(
    code: Tensor,
    weight: Tensor,
    bias: Tensor,
    owners: Tensor,
    tracks: Tensor,
    workspace: Workspace,
    scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Negative log-likelihood of the tracks of some users, under a softmax of linear logits.

    Sum over users and their tracks of -log softmax(code @ weight.T + bias), as in Liang et al.,
    "Variational autoencoders for collaborative filtering" (WWW 2018). `code` (n, d), `weight`
    (n_tracks, d), `bias` (n_tracks,); entry e is track `tracks[e]` of user `owners[e]`, by user.

    Returns the loss, a scalar, and `scale` times the gradient of the code; those of weight and
    bias, times `scale` too, are in `workspace` until it is used again. Everything is computed
    together, for as many users at a time as the workspace holds. The softmax side runs in the
    dtype of the logits, the tracks' side in float32, both are summed in float32.
    """
    n, d = code.shape
    sizes = torch.bincount(owners, minlength=n)
    bounds = torch.cat([sizes.new_zeros(1), torch.cumsum(sizes, 0)])
    # The bias as one more column, and ones for the sums: neither takes passes of its own.
    inputs = torch.cat([code, code.new_ones(n, 1)], dim=1)
    workspace.low[:, :d], workspace.low[:, d] = weight, bias
    liked = functional.embedding_bag(tracks, weight, bounds, mode="sum", include_last_offset=True)
    loss = -(code * liked).sum() - bias.index_select(0, tracks).sum()
    grad_code = torch.empty_like(code)
    for at in range(0, n, len(workspace.logits)):
        part = inputs[at : at + len(workspace.logits)]
        some = slice(at, at + len(part))
        mine = slice(int(bounds[at]), int(bounds[at + len(part)]))
        exponentials, log_total, sums = _exponentials(part.to(workspace.low.dtype), workspace)
        factor = sizes[some, None] / sums[:, -1:]
        loss += (log_total * sizes[some]).sum()
        grad_code[some] = (sums[:, :d] * factor - liked[some]).mul_(scale)
        # Softmax less truth, in place: one product gives the gradient of both.
        whose = owners[mine] - at
        exponentials[whose, tracks[mine]] -= (1 / factor).squeeze(1)[whose].to(workspace.low.dtype)
        torch.mm(
            exponentials.T, (part * factor * scale).to(workspace.low.dtype), out=workspace.product
        )
        if at == 0:
            workspace.grad_weight.copy_(workspace.product[:, :d])
            workspace.grad_bias.copy_(workspace.product[:, d])
        else:
            workspace.grad_weight += workspace.product[:, :d]
            workspace.grad_bias += workspace.product[:, d]
    if n == 0:  # another process has all of the batch
        workspace.grad_weight.zero_()
        workspace.grad_bias.zero_()
    return loss, grad_code


def _exponentials(code: Tensor, workspace: Workspace) -> tuple[Tensor, Tensor, Tensor]:
    """exp(logits - c), the log of each row's sum plus c (n,), the product with `workspace.low`.

    The product (n, d + 2), in float32, ends in the sums. c is 0, or the row's largest logit where
    that is needed.
    """
    out, low = workspace.logits[: len(code)], workspace.low
    torch.mm(code, low[:, :-1].T, out=out).exp_()
    sums = (out @ low).float()
    if bool(((sums[:, -1] > _SMALL) & (sums[:, -1] < _LARGE)).all()):
        return out, sums[:, -1].log(), sums
    torch.mm(code, low[:, :-1].T, out=out)
    largest = out.amax(dim=1, keepdim=True)
    out.sub_(largest).exp_()
    sums = (out @ low).float()
    return out, sums[:, -1].log() + largest.squeeze(1).float(), sums
