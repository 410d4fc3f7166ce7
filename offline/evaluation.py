"""Measures a trained model on the interactions that its training held out."""

import numpy as np

from offline.artefact import Artefact
from offline.export import by_popularity
from offline.interactions import Interactions
from offline.metrics import RankingMetrics, ranking_metrics
from offline.split import Split
from offline.training import K, held_out_metrics, split_for


def evaluate(artefact: Artefact, interactions: Interactions) -> dict[str, RankingMetrics]:
    """NDCG@50 and recall@50 per user of "dae" and, for comparison, "popular".

    Users are those with held-out interactions; what a user was trained on is
    not offered. Raises InputError for other interactions than the model's.
    """
    artefact.check_trained_on(interactions)
    split = split_for(interactions.matrix(artefact.model.n_tracks), artefact.options)
    return {"popular": _popular(split), "dae": held_out_metrics(artefact.model, split)}


def _popular(split: Split) -> RankingMetrics:
    rows = np.flatnonzero(np.diff(split.held_out.indptr))
    popular = by_popularity(np.asarray(split.train.sum(axis=0)).ravel())
    lists = np.empty((len(rows), min(K, len(popular))), dtype=np.int64)
    for place, row in enumerate(rows.tolist()):
        known = np.isin(popular, split.train[[row]].indices)
        # Where the catalog runs out, known tracks fill the end: they gain nothing.
        lists[place] = popular[np.argsort(known, kind="stable")][:K]
    return ranking_metrics(lists, split.held_out[rows])
