"""Matrix factorisations with factors of users and items alone."""

from pydantic import Field, PositiveInt

from offline.models.mf.by_steps import StepModel
from offline.models.mf.sgd_model import SGDModel


class SVD(StepModel):
    """Mean, biases and factors by gradient descent (Koren, Bell and Volinsky, Computer 2009).

    Named as the ratings community does; it is no singular value decomposition.
    """

    name = "svd"

    class Config(StepModel.Config):
        """Options of svd."""

    config: Config


class NMF(SGDModel):
    """Factors that are never below 0, without biases: a rating is a sum of parts.

    By gradient descent on rated pairs alone, as in Luo et al. (TII 2014), with projection.
    """

    name = "nmf"
    non_negative = True

    class Config(SGDModel.Config):
        """Options of nmf."""

        factors: PositiveInt = 32
        regularization: float = Field(default=0.05, ge=0)
        """Of factors, for each rating."""

    config: Config
