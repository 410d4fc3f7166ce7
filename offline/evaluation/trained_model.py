"""Measures a trained model on a part of the interactions that it was trained on."""

import numpy as np

from offline.data.splits import HeldOut, held_out
from offline.data.training_set import TrainingSet
from offline.metrics.ranking import RankingMetrics, ranking_metrics
from offline.models.base import Recommender
from offline.models.dae.training import K
from offline.models.dae.training.trainer import streams
from offline.models.inputs import training_set
from offline.models.popular import Popular
from offline.options import TrainOptions


def evaluate(model: Recommender, data: TrainingSet) -> dict[str, RankingMetrics]:
    """Measure a trained model on held-out interactions, next to popularity.

    Where training held some out (`Recommender.held_out`), the model is measured on these. Another
    model has learned from all of them: one with the same options is fitted to the rest and
    measured in its place, without timestamps, as what is held out lies anywhere in time. Users are
    those with held-out interactions; what a user was trained on is not offered.

    Parameters
    ----------
    model : Recommender
        As `load_model` gives it.
    data : TrainingSet
        The one that it was trained on.

    Returns
    -------
    dict of str to RankingMetrics
        For "popular" and the model's name: `ndcg` and `recall` at 50 of each user, arrays of
        shape (users,), 0 to 1.

    Raises
    ------
    InputError
        For other interactions than the model's, and where no user has two.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import InteractionMatrix, TrainingSet, evaluate, make_model
    >>> histories = InteractionMatrix.of(sparse.csr_matrix(np.tri(40, 60)))
    >>> users = np.arange(40)
    >>> data = TrainingSet(histories, users, users, histories.fingerprint())
    >>> found = evaluate(make_model("dae", {"hidden": [4], "epochs": 1}).fit(data), data)
    >>> sorted(found), found["dae"].ndcg.shape
    (['dae', 'popular'], (8,))
    """
    model.check_trained_on(data.fingerprint)
    held = model.held_out(data)
    found = {}
    if held is None:
        held = _drawn(model, data)
        rest = training_set(held.train.take(np.arange(len(held.train))))
        again = type(model)(model.config).fit(rest)
        found[model.name] = again.recommend(held.users, K).ids
    else:
        found[model.name] = model.recommend_for(held.seen, K).ids
    popular = Popular().fit(held.train.take(np.arange(len(held.train))))
    lists = {"popular": popular.recommend_for(held.seen, K).ids, **found}
    return {name: ranking_metrics(ids, held.wanted) for name, ids in lists.items()}


def _drawn(model: Recommender, data: TrainingSet) -> HeldOut:
    """What the autoencoder would hold out, with the model's seed if it has one."""
    options = TrainOptions(**model.config.model_dump(include={"seed"}))
    return held_out(data.histories, options, streams(options)[0])
