"""The interface of list makers: every export names one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.models.top_n import TopN


@dataclass(frozen=True)
class ListMaker:
    """Makes lists for users, some rows of an interaction matrix at a time."""

    recipe: str
    """How, options included: an export resumes only what the same recipe made."""
    of: Callable[[NDArray[np.int64]], TopN]
    """Lists of some rows, best first: shape (len(rows), length), padded with -1.

    A row's list must not depend on the other rows. Scores are NaN where the order is not by score.
    """
