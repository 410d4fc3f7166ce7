"""Models in which a user is known by which items are rated, not by the ratings alone."""

import numpy as np
from pydantic import Field, PositiveInt

from offline.data.training_set import TrainingSet
from offline.models.mf.by_steps import StepModel
from offline.models.mf.lists import RatedItems, Size
from offline.models.mf.sgd_model import SGDModel


class SVDpp(SGDModel):
    """SVD++ of Koren (KDD 2008): factors of a user, and of all items that the user has rated."""

    name = "svdpp"
    implicit = True

    class Config(SGDModel.Config):
        """Options of svdpp."""

        factors: PositiveInt = 64
        epochs: PositiveInt = 30
        """Passes over the ratings."""
        learning_rate: float = Field(default=0.02, gt=0, le=1)
        """At the start; it falls in a straight line to 0."""
        regularization: float = Field(default=0.06, ge=0)
        """Of factors of users and items, for each rating."""

        implicit_regularization: float = Field(default=0.02, ge=0)
        """Of the implicit factors of items, for each rating."""

    config: Config

    def _rated_items(self, data: TrainingSet, rng: np.random.Generator) -> RatedItems:
        return RatedItems.of(data.ratings, "all", rng)

    @property
    def implicit_regularization(self) -> float:
        """As the option says."""
        return self.config.implicit_regularization


class NSVD(StepModel):
    """NSVD of Paterek (KDD Cup 2007): a user is the sum of the items rated, with no own factors.

    So a new user has a vector at once, from which items are rated.
    """

    name = "nsvd"
    implicit = True
    uses_p = False

    class Config(StepModel.Config):
        """Options of nsvd."""

        epochs: PositiveInt = 30
        """Passes over the ratings."""
        learning_rate: float = Field(default=0.05, gt=0, le=1)
        """At the start; it falls in a straight line to 0."""
        regularization: float = Field(default=0.03, ge=0)
        """Of items' factors, for each rating."""

        implicit_regularization: float = Field(default=0.005, ge=0)
        """Of the implicit factors of items, for each rating."""
        list_size: Size = "all"
        """How many of a user's items are summed: `all`; `max`, the same; `mean`, as many as users
        have on average; `min`, as few as any has. Where one has more, some are drawn."""

    config: Config

    def _rated_items(self, data: TrainingSet, rng: np.random.Generator) -> RatedItems:
        return RatedItems.of(data.ratings, self.config.list_size, rng)

    @property
    def implicit_regularization(self) -> float:
        """As the option says."""
        return self.config.implicit_regularization
