"""Top-n lists from a trained autoencoder."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from offline.models.dae.network import DAE
from offline.models.inputs import filled_up
from offline.models.top_n import UNWANTED, top_n_of

K = 50
"""Length of a list."""


@torch.no_grad()
def top_lists(
    model: DAE, matrix: sparse.csr_matrix, k: int, *, exclude_input: bool, batch: int = 256
) -> NDArray[np.int64]:
    """The k tracks with the highest logits for each row of a matrix, best first.

    A row's list does not depend on the rows around it.

    Parameters
    ----------
    model : DAE
    matrix : csr_matrix, shape (n_users, n_tracks)
        Binary: what each user liked.
    k : int
        Length of the lists.
    exclude_input : bool
        Whether to leave out the tracks of the row.
    batch : int, default 256
        Rows that are scored at a time.

    Returns
    -------
    array of int64, shape (n_users, k)
        Padded with -1 where the model has fewer tracks to offer.

    Raises
    ------
    InputError
        Where logits are NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import TrainOptions, fit, top_lists
    >>> matrix = sparse.csr_matrix(np.tri(40, 60, dtype="float32"))
    >>> model = fit(matrix, TrainOptions(hidden=(4,), epochs=1)).model
    >>> top_lists(model, matrix, 5, exclude_input=True).shape
    (40, 5)
    """
    out = np.empty((matrix.shape[0], k), dtype=np.int64)
    # One more, for the place -1 of a list that has ended.
    ids = np.append(model.tracks.cpu().numpy(), -1)
    weight, bias = model.last.weight.t(), model.last.bias
    # Fresh memory for each batch would cost as much as the product that fills it.
    workspace = weight.new_empty(batch, len(model.tracks))
    for at in range(0, len(out), batch):
        rows = matrix[at : at + batch]
        n_rows = rows.shape[0]
        # Always as many: products of other shapes round in other ways.
        ragged = model.ragged(filled_up(rows, batch))
        torch.addmm(bias, model.encode(ragged), weight, out=workspace)
        if exclude_input:
            workspace[ragged.owners, ragged.places] = UNWANTED
        out[at : at + batch] = ids[top_n_of(workspace[:n_rows], k).cpu().numpy()]
    return out
