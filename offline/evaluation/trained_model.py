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
    """NDCG@50 and recall@50 per user of "dae" and, for comparison, "popular".

    Users are those with held-out interactions; what a user was trained on is
    not offered. Raises InputError for other interactions than the model's.
    """
    artefact.check_trained_on(training_set.fingerprint)
    split_rng, _ = streams(artefact.options)
    held = held_out(training_set.histories, artefact.options, split_rng)
    popular = Popular().fit(held.train.take(np.arange(len(held.train))))
    return {
        "popular": ranking_metrics(popular.recommend_for(held.seen, K), held.wanted),
        "dae": held_out_metrics(artefact.model, held),
    }
