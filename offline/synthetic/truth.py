"""What is known of generated ratings: `truth.json`, beside them."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from offline.errors import InputError

TRUTH = "truth.json"
_FORM = 1


@dataclass(frozen=True, kw_only=True)
class Truth:
    """How ratings were made, and what errors are possible on them.

    Examples
    --------
    >>> truth = Truth(pattern="planted", seed=1, users=9, items=9, ratings=40, factors=8,
    ...     scale=(0.5, 5.0, 0.5), noise=0.8, mean=3.5, rmse_mean=1.1, rmse_oracle=0.8,
    ...     rmse_expected=0.8)
    >>> round(truth.score(0.95), 6)
    50.0
    """

    pattern: str
    """`planted`, or `uniform`: noise alone."""
    seed: int
    users: int
    items: int
    ratings: int
    scale: tuple[float, float, float]
    """Lowest, highest, step."""
    factors: int
    noise: float
    """Standard deviation of a rating around what its user and item give, before it is rounded."""
    mean: float
    rmse_mean: float
    """Of the mean of these ratings."""
    rmse_oracle: float
    """On these ratings, of the mean of a rating given all planted parts, after rounding."""
    rmse_expected: float
    """The same on average over the noise."""
    form: int = _FORM

    def score(self, rmse: float) -> float:
        """Where an RMSE stands between that of the mean (0) and that of the oracle (100).

        Raises InputError where there is nothing to learn, and for what is no RMSE.
        """
        if not math.isfinite(rmse) or rmse < 0:
            raise InputError(f"an RMSE is 0 or more, not {rmse}")
        span = self.rmse_mean - self.rmse_oracle
        if span < 1e-6 * self.rmse_mean:
            raise InputError(
                f"these ratings are noise alone: no model can be better than the mean, whose RMSE "
                f"is {self.rmse_mean:.4f}, so there is no score"
            )
        return 100 * (self.rmse_mean - rmse) / span

    def write(self, directory: Path) -> None:
        """Write `truth.json`."""
        text = json.dumps(asdict(self), indent=2)
        (directory / TRUTH).write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, place: Path) -> Self:
        """Of a directory, or of a file beside it. Raises InputError where there is none."""
        path = (place if place.is_dir() else place.parent) / TRUTH
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields["form"] != _FORM:
                raise InputError(f"{path}: of another version of botify: generate again")
            return cls(**{**fields, "scale": tuple(fields["scale"])})
        except OSError as error:
            raise InputError(
                f"{path}: {error.strerror}: `botify-offline generate-ratings` writes it"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: damaged ({error}): generate again") from error
