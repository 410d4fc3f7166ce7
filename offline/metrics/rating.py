"""How far predicted ratings are from the true ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class RatingErrors(NamedTuple):
    """Errors over some pairs of user and item, all of them."""

    mse: float
    """Mean of squared errors: in squared ratings."""
    rmse: float
    """Its root: in ratings, and what most papers and competitions report."""
    mae: float
    """Mean of absolute errors."""


def rating_errors(expected: NDArray[np.float32], true: NDArray[np.float32]) -> RatingErrors:
    """Of predictions, shape (n,), all finite, beside the true ratings.

    Examples
    --------
    >>> import numpy as np
    >>> from offline.metrics.rating import rating_errors
    >>> errors = rating_errors(np.array([3.0, 5.0]), np.array([4.0, 2.0]))
    >>> errors.mse, round(errors.rmse, 4), errors.mae
    (5.0, 2.2361, 2.0)
    """
    apart = np.asarray(true, np.float64) - np.asarray(expected, np.float64)
    if not np.isfinite(apart).all():
        raise ValueError("a prediction that is no number would be left out of the mean")
    mse = float(np.mean(apart**2))
    return RatingErrors(mse, mse**0.5, float(np.mean(np.abs(apart))))
