"""Measures a trained model on the interactions that its training held out."""

import numpy as np

from offline.data.splits import held_out
from offline.data.training_set import TrainingSet
from offline.metrics.ranking import RankingMetrics, ranking_metrics
from offline.models.dae.recommender import DAERecommender
from offline.models.dae.training import K
from offline.models.dae.training.trainer import held_out_metrics, streams
from offline.models.popular import Popular


def evaluate(model: DAERecommender, training_set: TrainingSet) -> dict[str, RankingMetrics]:
    """Measure a trained model on what its training held out, next to popularity.

    Users are those with held-out interactions; tracks that a user was trained on are not offered.

    Parameters
    ----------
    model : DAERecommender
        As `load_model` gives it.
    training_set : TrainingSet
        The one that it was trained on.

    Returns
    -------
    dict of str to RankingMetrics
        For "popular" and "dae" (the trained network): `ndcg` and `recall` at 50 of each user,
        arrays of shape (users,), 0 to 1.

    Raises
    ------
    InputError
        For other interactions than the model's.

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
    model.check_trained_on(training_set.fingerprint)
    split_rng, _ = streams(model.config)
    held = held_out(training_set.histories, model.config, split_rng)
    popular = Popular().fit(held.train.take(np.arange(len(held.train))))
    return {
        "popular": ranking_metrics(popular.recommend_for(held.seen, K).ids, held.wanted),
        "dae": held_out_metrics(model.network, held),
    }
