"""A denoising autoencoder over sets of tracks."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional


class Bag(NamedTuple):
    """The tracks of n users as one run of ids: user u has `tracks[offsets[u]:offsets[u + 1]]`."""

    tracks: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, matrix: sparse.csr_matrix, rows: NDArray[np.int64]) -> "Bag":
        """Some rows of a binary user × track matrix."""
        part = matrix[rows]
        return cls(
            torch.from_numpy(part.indices.astype(np.int64)),
            torch.from_numpy(part.indptr.astype(np.int64)),
        )

    @property
    def owners(self) -> Tensor:
        """The user of each entry, 0 to n-1."""
        sizes = self.offsets[1:] - self.offsets[:-1]
        return torch.repeat_interleave(torch.arange(len(sizes)), sizes)


class DAE(nn.Module):
    """Mult-DAE of Liang et al., "Variational autoencoders for collaborative filtering" (WWW 2018).

    Input: a user's tracks, L2-normalised. Tanh hidden layers of the sizes
    given, then one logit per track. The input is never made dense: the first
    layer sums the rows of the tracks that are there.
    """

    def __init__(self, n_tracks: int, hidden: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.n_tracks = n_tracks
        self.hidden = hidden
        self.first = nn.Parameter(_xavier(n_tracks, hidden[0], generator))
        self.first_bias = nn.Parameter(torch.zeros(hidden[0]))
        sizes = pairwise([*hidden, n_tracks])
        self.layers = nn.ModuleList(_linear(a, b, generator) for a, b in sizes)

    def forward(self, bag: Bag, keep: Tensor | None = None) -> Tensor:
        """Logits of shape (n, n_tracks).

        `keep`: for each entry of the bag its weight, 0 for a track dropped
        from the input; None keeps all.
        """
        norms = (bag.offsets[1:] - bag.offsets[:-1]).clamp(min=1).float().rsqrt()
        weights = norms[bag.owners]
        if keep is not None:
            weights = weights * keep
        code = functional.embedding_bag(
            bag.tracks,
            self.first,
            bag.offsets,
            mode="sum",
            per_sample_weights=weights,
            include_last_offset=True,
        )
        code = torch.tanh(code + self.first_bias)
        for layer in self.layers[:-1]:
            code = torch.tanh(layer(code))
        logits: Tensor = self.layers[-1](code)
        return logits


def input_dropout(bag: Bag, rate: float, generator: torch.Generator) -> Tensor:
    """Weights that drop each entry with probability `rate` and make up for it in the rest."""
    kept = torch.rand(len(bag.tracks), generator=generator) >= rate
    return kept.float() / (1.0 - rate)


def multinomial_loss(logits: Tensor, bag: Bag) -> Tensor:
    """Negative multinomial log-likelihood of the bag: summed over tracks, mean over users."""
    chosen = logits[bag.owners, bag.tracks].sum()
    sizes = (bag.offsets[1:] - bag.offsets[:-1]).float()
    total: Tensor = (torch.logsumexp(logits, dim=1) * sizes).sum() - chosen
    return total / len(sizes)


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    # Made without numbers: nn.Linear would draw them from torch's global stream.
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.copy_(_xavier(outputs, inputs, generator))
        layer.bias.zero_()
    return layer


def _xavier(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Glorot and Bengio (2010), normal form."""
    drawn: Tensor = torch.randn(rows, columns, generator=generator)
    return drawn.mul_((2.0 / (rows + columns)) ** 0.5)
