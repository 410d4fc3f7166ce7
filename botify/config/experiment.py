"""`experiments`: which users take part, and the recommender of each treatment."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from botify.config.settings import Name, Settings

Weight = Annotated[int, Field(ge=0, le=10_000, strict=True)]


class ExperimentConfig(Settings):
    """Treatments C, T1, T2, ... and their recommenders."""

    treatments: dict[str, Name | None] = Field(min_length=1)
    """null leaves the choice to the experiments below, and finally to `default`."""
    weights: dict[str, Weight] | None = None
    """Relative numbers of users, by treatment; equal if absent."""
    salt: str | None = Field(default=None, min_length=1)
    """Seeds the split and the participation; the experiment's name if absent."""
    layer: Name | None = None
    """Experiments of one layer have different users: no user is in two of them."""
    share: int = Field(default=100, ge=1, le=100, strict=True)
    """Percent of all users that take part."""

    @field_validator("treatments")
    @classmethod
    def _in_order(cls, treatments: dict[str, str | None]) -> dict[str, str | None]:
        expected = ["C", *(f"T{i}" for i in range(1, len(treatments)))]
        if list(treatments) != expected:
            raise ValueError(
                f"treatments are {', '.join(treatments)}; they must be {', '.join(expected)}, "
                "in this order"
            )
        return treatments

    @model_validator(mode="after")
    def _weights_of_all(self) -> "ExperimentConfig":
        if self.weights is None:
            return self
        if set(self.weights) != set(self.treatments):
            raise ValueError(
                f"weights are given to {', '.join(self.weights) or 'none'}; "
                f"give one to each of {', '.join(self.treatments)}"
            )
        if not any(self.weights.values()):
            raise ValueError("weights are all 0: give one treatment at least 1")
        return self


def shares_of_layers(experiments: Iterable[ExperimentConfig]) -> Counter[str]:
    """Percent of all users in each layer's experiments."""
    shares: Counter[str] = Counter()
    for experiment in experiments:
        if experiment.layer is not None:
            shares[experiment.layer] += experiment.share
    return shares


def decide_for_all(experiments: Iterable[ExperimentConfig]) -> bool:
    """Whether these experiments name a recommender for every user.

    They do if an experiment with all users has a recommender for each treatment, or if such
    experiments of one layer have all users together.
    """
    decisive = [e for e in experiments if None not in e.treatments.values()]
    return 100 in shares_of_layers(decisive).values() or any(
        experiment.share == 100 for experiment in decisive
    )
