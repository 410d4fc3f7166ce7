"""Matrix factorisations with factors of users and items alone."""

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

    config: Config
