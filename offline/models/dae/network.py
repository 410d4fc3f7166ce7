"""A denoising autoencoder over sets of tracks."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from offline.models.dae.loss import Workspace, multinomial_loss


@dataclass(frozen=True, eq=False)
class RaggedBatch:
    """The tracks of n users as one run: user u has entries `offsets[u]` to `offsets[u + 1]`."""

    places: Tensor
    """Each entry's track, as its position among the known tracks."""
    offsets: Tensor
    weights: Tensor
    """The weight of each entry in the input: 1 / sqrt(tracks of its user), unless corrupted."""

    def __len__(self) -> int:
        """How many users."""
        return len(self.offsets) - 1

    @property
    def owners(self) -> Tensor:
        """The user of each entry, 0 to n-1."""
        users = torch.arange(len(self), device=self.offsets.device)
        return torch.repeat_interleave(users, self.offsets.diff())

    def entries(self, users: slice) -> slice:
        """The range of entries of some neighbouring users."""
        return slice(int(self.offsets[users.start]), int(self.offsets[users.stop]))

    def part(self, users: slice) -> Self:
        """Some neighbouring users alone."""
        offsets = self.offsets[users.start : users.stop + 1]
        mine = self.entries(users)
        return type(self)(self.places[mine], offsets - offsets[0], self.weights[mine])

    def corrupted(self, keep: Tensor) -> Self:
        """With each entry's weight multiplied by `keep`; an entry with 0 is gone."""
        there = keep > 0
        before = torch.cat([self.offsets.new_zeros(1), torch.cumsum(there, 0)])
        weights = self.weights[there] * keep[there]
        return type(self)(self.places[there], before[self.offsets], weights)


class DAE(nn.Module):
    """Mult-DAE of Liang et al., "Variational autoencoders for collaborative filtering" (WWW 2018).

    Input: a user's tracks, L2-normalised. Tanh hidden layers, then one logit for each known
    track. The input is never made dense: the first layer sums the rows of the user's tracks.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from scipy import sparse
    >>> from offline import DAE
    >>> known = np.array([0, 2, 3])
    >>> model = DAE(5, known, (4,), torch.Generator().manual_seed(1))
    >>> model(model.ragged(sparse.csr_matrix([[1, 0, 1, 0, 0]]))).shape
    torch.Size([1, 3])
    """

    tracks: Tensor

    def __init__(
        self,
        n_tracks: int,
        tracks: NDArray[np.int64],
        hidden: tuple[int, ...],
        generator: torch.Generator,
    ) -> None:
        """An untrained network.

        Parameters
        ----------
        n_tracks : int
            Size of the catalog.
        tracks : array of int64, shape (n_known,)
            Sorted ids of the tracks of the model; others in the input are ignored.
        hidden : tuple of int
            Sizes of the hidden layers.
        generator : torch.Generator
            Draws the first weights.
        """
        super().__init__()
        self.hidden = hidden
        self.n_tracks = n_tracks
        self.register_buffer("tracks", torch.from_numpy(np.asarray(tracks, dtype=np.int64)))
        self._index_of = torch.full((n_tracks,), -1)
        self._index_of[self.tracks] = torch.arange(len(tracks))
        self.first = nn.Parameter(_xavier(len(tracks), hidden[0], generator))
        self.first_bias = nn.Parameter(torch.zeros(hidden[0]))
        self.layers = nn.ModuleList(linear(a, b, generator) for a, b in pairwise(hidden))
        self.last = linear(hidden[-1], len(tracks), generator)

    @property
    def index_of(self) -> NDArray[np.int64]:
        """Position of each track among the known ones, -1 for others, shape (n_tracks,)."""
        return self._index_of.numpy()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.first.device

    def ragged(self, matrix: sparse.csr_matrix) -> RaggedBatch:
        """The rows of a binary user × track matrix, shape (n, n_tracks), on the model's device."""
        places = self._index_of[torch.from_numpy(matrix.indices.astype(np.int64))]
        there = places >= 0
        before = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cumsum(there, 0)])
        offsets = before[torch.from_numpy(matrix.indptr.astype(np.int64))]
        sizes = offsets.diff()
        weights = torch.repeat_interleave(sizes.clamp(min=1).float().rsqrt(), sizes)
        return RaggedBatch(*(x.to(self.device) for x in (places[there], offsets, weights)))

    def encode(self, ragged: RaggedBatch) -> Tensor:
        """The last hidden layer, shape (n, hidden[-1])."""
        return self.encode_sums(self.sums(ragged))

    def sums(self, ragged: RaggedBatch) -> Tensor:
        """Weighted sums of the first layer's rows, shape (n, hidden[0])."""
        return functional.embedding_bag(
            ragged.places,
            self.first,
            ragged.offsets,
            mode="sum",
            per_sample_weights=ragged.weights,
            include_last_offset=True,
        )

    def encode_sums(self, sums: Tensor) -> Tensor:
        """The last hidden layer, from `sums`."""
        code = torch.tanh(sums + self.first_bias)
        for layer in self.layers:
            code = torch.tanh(layer(code))
        return code

    def forward(self, ragged: RaggedBatch) -> Tensor:
        """Logits of shape (n, len(tracks))."""
        logits: Tensor = self.last(self.encode(ragged))
        return logits

    def backward(
        self, shown: RaggedBatch, liked: RaggedBatch, workspace: Workspace, scale: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """The loss of the users' likes given the corrupted input, and its gradients.

        Gives the negative multinomial log-likelihood, summed over users and tracks, and `scale`
        times the gradient of `sums`, from which that of the first layer follows. The other
        parameters have theirs, times `scale`, as `grad`: the last layer's are in `workspace`.
        """
        sums = self.sums(shown).detach().requires_grad_()
        code = self.encode_sums(sums)
        last = self.last
        loss, gradient = multinomial_loss(
            code.detach(), last.weight, last.bias, liked.owners, liked.places, workspace, scale
        )
        self.zero_grad()
        code.backward(gradient)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        last.weight.grad, last.bias.grad = workspace.grad_weight, workspace.grad_bias
        assert sums.grad is not None
        return loss, sums.grad

    def workspace(self, users: int, dtype: torch.dtype) -> Workspace:
        """A workspace for `backward` over this many users at a time."""
        return Workspace(users, len(self.tracks), self.last.in_features, dtype, self.device)


def linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer with drawn weights and no bias yet."""
    # Created empty: nn.Linear would draw its weights from torch's global stream.
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.copy_(_xavier(outputs, inputs, generator))
        layer.bias.zero_()
    return layer


def _xavier(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Glorot and Bengio (2010), normal form."""
    drawn: Tensor = torch.randn(rows, columns, generator=generator)
    return drawn.mul_((2.0 / (rows + columns)) ** 0.5)
