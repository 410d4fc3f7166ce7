"""Measures a trained model on the interactions that its training held out."""

import numpy as np

from offline.artefact import Artefact
from offline.data.splits import held_out
from offline.data.training_set import TrainingSet
from offline.metrics.ranking import RankingMetrics, ranking_metrics
from offline.models.dae.training import K
from offline.models.dae.training.trainer import held_out_metrics, streams
from offline.models.popular import Popular


def evaluate(artefact: Artefact, training_set: TrainingSet) -> dict[str, RankingMetrics]:
    """Measure a trained model on what its training held out, next to popularity.

    Users are those with held-out interactions; tracks that a user was trained on are not offered.

    Parameters
    ----------
    artefact : Artefact
        As `load_artefact` gives it.
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
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import InteractionMatrix, TrainingSet, TrainOptions
    >>> from offline import evaluate, fit, load_artefact, save_artefact
    >>> histories = InteractionMatrix.of(sparse.csr_matrix(np.tri(40, 60)))
    >>> users = np.arange(40)
    >>> data = TrainingSet(histories, users, users, histories.fingerprint())
    >>> options = TrainOptions(hidden=(4,), epochs=1)
    >>> trained = fit(histories, options)
    >>> save_artefact(Path("model"), trained, options, data.fingerprint)
    >>> found = evaluate(load_artefact(Path("model")), data)
    >>> sorted(found), found["dae"].ndcg.shape
    (['dae', 'popular'], (8,))
    """
    artefact.check_trained_on(training_set.fingerprint)
    split_rng, _ = streams(artefact.options)
    held = held_out(training_set.histories, artefact.options, split_rng)
    popular = Popular().fit(held.train.take(np.arange(len(held.train))))
    return {
        "popular": ranking_metrics(popular.recommend_for(held.seen, K).ids, held.wanted),
        "dae": held_out_metrics(artefact.model, held),
    }
