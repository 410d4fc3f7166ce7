"""Scores tracks for a session, by its plays and its user's history.

The arithmetic is that of `SessionDAE` in offline/session_model/model.py, for one session at a time
and in numpy; a test holds the two together.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.session_model.tables import Floats, Tables

MIN_SHORTLIST = 200
"""At least this number of tracks, the best by score, are ranked by their expected value."""
_CUTS = (1.75, 1.25, 0.75, 0.25, -0.5, -2.0)
"""Standard deviations of the score; the first cut with enough tracks above it gives the shortlist.
A ninth of the time of a partial sort, and as reproducible: only a track's score decides."""
_TINY = 1e-9


class Exploration(NamedTuple):
    """A share of the requests is answered by a draw from a softmax over the shortlist."""

    share: float
    temperature: float
    """Of the softmax over the logarithms of the values by which the best is chosen."""


class Choice(NamedTuple):
    """A track, and how it was chosen."""

    track: int
    rank: int
    """Its place, best first, from 0."""
    propensity: float


class SessionModel:
    """The tables of a session model, and what is computed from them once."""

    def __init__(self, tables: Tables, artist_of: NDArray[np.int32], version: str) -> None:
        """`artist_of`: a number for the artist of each track of the catalog."""
        self.version = version
        self._tables = tables
        self._artist_of = artist_of
        self._artists = artist_of[tables.tracks]
        self._log_discount = np.float32(math.log(tables.artist_discount))
        self._place = np.full(len(artist_of), -1, dtype=np.int32)
        self._place[tables.tracks] = np.arange(len(tables.tracks), dtype=np.int32)
        split = tables.vectors.shape[1] - tables.tastes.shape[1]
        self._listening = np.ascontiguousarray(tables.vectors[:, split:])
        mean = tables.vectors.mean(0, dtype=np.float64)
        centred = tables.vectors - mean
        covariance = centred.T @ centred / len(centred)
        halves = slice(0, split), slice(split, None)
        weights = tables.dae_weight, tables.listening_weight
        self._halves = [
            (half, weight, mean[half].astype(np.float32), covariance[half, half].astype("f4"))
            for half, weight in zip(halves, weights, strict=True)
        ]
        deviation = math.hypot(*weights)
        self._cuts = [np.float32(tables.offset + cut * deviation) for cut in _CUTS]

    def scores(self, user: int, tracks: NDArray[np.int32], times: Floats) -> Floats | None:
        """Of all known tracks, shape (K,); None if neither the user nor a track played is known.

        `tracks` and `times`: the session's plays so far, in order, of catalog ids.
        """
        t = self._tables
        if len(tracks) > t.max_plays:
            tracks = np.concatenate([tracks[:1], tracks[-(t.max_plays - 1) :]])
            times = np.concatenate([times[:1], times[-(t.max_plays - 1) :]])
        places = self._place[tracks]
        there = places >= 0
        known, shares = places[there], times[there]
        weights = shares - t.skip_weight * (1 - shares)
        if not t.use_session:
            weights = np.zeros_like(weights)
        row = self._row(user) if t.use_history else -1
        a, b = t.taste_offsets[row : row + 2].tolist() if row >= 0 else (0, 0)
        if a < b:
            posterior = self._posterior(row, a, b, places, times)
            bounds = t.member_offsets[a : b + 1]
            history = posterior.repeat(np.diff(bounds))
            kept = history > 0
            known = np.concatenate([t.members[bounds[0] : bounds[-1]][kept], known])
            weights = np.concatenate([history[kept], weights])
        length = math.sqrt(weights @ weights)
        if length == 0:
            return None
        weights /= np.float32(length)
        taste = np.maximum(weights, 0) @ t.starts[known]
        code = np.tanh(weights @ t.first[known] + t.first_bias)
        for weight, bias in t.layers:
            code = np.tanh(weight @ code + bias)
        code = t.projection @ code
        vector, base = np.empty(t.vectors.shape[1], dtype=np.float32), t.offset
        for part, (half, counts, mean, covariance) in zip(
            (code, taste), self._halves, strict=True
        ):
            scale = counts / max(math.sqrt(max(part @ covariance @ part, 0.0)), _TINY)
            vector[half] = part * np.float32(scale)
            base -= scale * float(mean @ part)
        found: Floats = t.vectors @ vector
        found += np.float32(base)
        return found

    def choose(
        self,
        user: int,
        tracks: NDArray[np.int32],
        times: Floats,
        barred: Sequence[int] | NDArray[np.int32],
        ahead: int,
        explore: Exploration | None,
        draws: tuple[float, float],
    ) -> Choice | None:
        """The track to play next; None if nothing is known, or no track is left to offer.

        `barred`: tracks that must not be offered. `ahead`: requests of the same session that are
        being answered now, each of which takes one of the best before this one. `draws`: uniform
        from [0, 1); the first decides whether to explore, the second which track.
        """
        scores = self.scores(user, tracks, times)
        if scores is None:
            return None
        closed = self._place[barred]
        scores[closed[closed >= 0]] = -np.inf
        best = self._shortlist(scores, max(MIN_SHORTLIST, ahead + 1))
        if not len(best):
            return None
        played = self._artist_of[tracks]
        prior_artist_plays = (self._artists[best, None] == played).sum(1)
        # In logarithms: of products of small numbers, many would be equal.
        values = prior_artist_plays * self._log_discount - np.logaddexp(0, -scores[best])
        if explore is None:
            place = min(ahead, len(best) - 1)
            at = int(values.argmax() if not place else np.argsort(-values, kind="stable")[place])
            return Choice(int(self._tables.tracks[best[at]]), place, 1.0)
        order = np.argsort(-values, kind="stable")
        greedy = place = min(ahead, len(order) - 1)
        chances = np.exp((values[order] - values.max()).astype(np.float64) / explore.temperature)
        chances /= chances.sum()
        if draws[0] < explore.share:
            place = min(int(chances.cumsum().searchsorted(draws[1])), len(order) - 1)
        chance = explore.share * float(chances[place]) + (1 - explore.share) * (place == greedy)
        return Choice(int(self._tables.tracks[best[order[place]]]), place, chance)

    def _shortlist(self, scores: Floats, wanted: int) -> NDArray[np.int64]:
        """Places of the best tracks, `wanted` or more if there are so many, in order."""
        for cut in self._cuts:
            best: NDArray[np.int64] = (scores > cut).nonzero()[0]
            if len(best) >= wanted:
                return best
        return np.flatnonzero(scores > -np.inf)

    def _row(self, user: int) -> int:
        """The user's row; -1 if the user is unknown."""
        users = self._tables.users
        if not len(users) or not 0 <= user <= int(users[-1]):
            return -1
        row = int(users.searchsorted(user))
        return row if users[row] == user else -1

    def _posterior(
        self, row: int, a: int, b: int, places: NDArray[np.int32], times: Floats
    ) -> Floats:
        """How likely each of the user's tastes a to b is the session's; shape (b - a,)."""
        t = self._tables
        log = np.log(t.taste_weights[a:b].astype(np.float64))
        if t.use_session:
            bounds = t.member_offsets[a : b + 1]
            home = np.full(b - a, t.outside_taste_rate)
            hits = np.flatnonzero(t.members[bounds[0] : bounds[-1]] == places[0])
            home[np.searchsorted(bounds - bounds[0], hits, side="right") - 1] = (
                1 - t.outside_taste_rate
            )
            log += np.log(home)
            later = places[1:] >= 0
            p, share = places[1:][later], times[1:][later]
            if len(p):
                x = t.tastes[a:b] @ self._listening[p].T + t.track_bias[p]
                z = t.user_scale[row] * x + t.user_bias[row]
                # t log sigmoid(z) + (1 - t) log sigmoid(-z), sigmoid's logarithms taken together
                log += (share * z - np.logaddexp(0, z)).sum(1)
        chance = np.exp(log - log.max())
        chance /= chance.sum()
        chance[chance < t.min_taste_weight] = 0
        found: Floats = chance.astype(np.float32)
        return found
