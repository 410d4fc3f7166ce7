"""A small model of rewards for the doubly robust estimate: mean + user effect + track effect."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from offline.off_policy.decisions import Decisions, Floats, Ints
from offline.off_policy.policies import Target

_FOLDS = 2
_SWEEPS = 5


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """Expected reward = mean + user_effects[user] + track_effects[track].

    Effects are shrunk by how much they vary and how often they were seen (empirical Bayes: the
    best linear predictor of a random effect, with the variances of a one-way analysis; S. R.
    Searle, G. Casella & C. E. McCulloch, "Variance Components", 1992), fitted in turns.
    """

    mean: float
    user_effects: Floats
    track_effects: Floats

    @classmethod
    def fit(cls, users: Ints, tracks: Ints, rewards: Floats, n_users: int, n_tracks: int) -> Self:
        """From decisions, arrays of shape (n,); 0 for what is unseen, so all 0 where n is 0."""
        if not len(rewards):
            return cls(0.0, np.zeros(n_users), np.zeros(n_tracks))
        mean = float(rewards.mean())
        of_users, of_tracks = np.zeros(n_users), np.zeros(n_tracks)
        for _ in range(_SWEEPS):
            of_users = shrunken_means(users, rewards - mean - of_tracks[tracks], n_users)
            of_tracks = shrunken_means(tracks, rewards - mean - of_users[users], n_tracks)
        return cls(mean, of_users, of_tracks)


def shrunken_means(groups: Ints, values: Floats, n_groups: int) -> Floats:
    """Mean of each group's values, drawn to 0: shape (n_groups,), 0 for a group without one.

    All 0 where the groups differ no more than chance would have it, or each has one value, which
    tells nothing of how far a mean can be trusted.
    """
    counts = np.bincount(groups, minlength=n_groups).astype(np.float64)
    means = np.bincount(groups, values, n_groups) / np.maximum(counts, 1)
    n, present = len(values), int((counts > 0).sum())
    if n == present or present < 2:
        return np.zeros(n_groups)
    within = float(((values - means[groups]) ** 2).sum()) / (n - present)
    among = float(counts @ (means - values.mean()) ** 2) - (present - 1) * within
    between = among / (n - float(counts @ counts) / n)
    if between <= 0:
        return np.zeros(n_groups)
    shrunk: Floats = means * counts / (counts + within / between)
    return shrunk


class CrossFitted:
    """Two models, each fitted on every other session and asked about the rest.

    Sessions, not users, so that a user's effect is known where it is asked for. It is safe to: of
    two sessions of a user, the draw that chose a track in one did not depend on the other's
    rewards, given who the user is. Within a session it did: what was heard decides how it goes on.
    """

    def __init__(self, log: Decisions) -> None:
        use = log.usable
        self._log, self._codes = log, log.codes(log.recommendations)
        # Sessions are numbered user by user, so every user's fall into both halves.
        self._folds = log.sessions % _FOLDS
        self._models = []
        for fold in range(_FOLDS):
            others = use & (self._folds != fold)
            self._models.append(
                AdditiveModel.fit(
                    log.users[others],
                    self._codes[others],
                    log.rewards[others],
                    len(log.user_ids),
                    len(log.logged) + 1,
                )
            )

    def predicted(self) -> Floats:
        """Expected reward of each decision's recommendation, shape (n,)."""
        return self._by_fold([model.track_effects[self._codes] for model in self._models])

    def expected(self, target: Target) -> Floats:
        """Expected reward of the target's choices, shape (n,)."""
        return self._by_fold([target.mean_of(model.track_effects) for model in self._models])

    def _by_fold(self, of_tracks: list[Floats]) -> Floats:
        of_users = [model.mean + model.user_effects[self._log.users] for model in self._models]
        both = [user + track for user, track in zip(of_users, of_tracks, strict=True)]
        return np.where(self._folds == 0, *both)
