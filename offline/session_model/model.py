"""The session-aware denoising autoencoder in torch: for training, and as the reference.

A session of a user follows one of the user's tastes. Its plays show which one: the posterior over
tastes, given where the session began and how much of each track was heard. The input of the
autoencoder is the history, each track weighted by how likely its taste is the session's, and the
session's own plays, each weighted by how much of it was heard (a skip speaks against a track). Its
score of a track (the logit without the decoder's bias, which is popularity) and that of the
listening model for the same mixture of tastes are each brought to mean 0 and variance 1 over all
tracks known, and added up.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from offline.models.dae.network import DAE
from offline.options import SessionOptions
from offline.session_model.listening_model import ListeningModel
from offline.session_model.taste_table import TasteTable

OUTSIDE_TASTE_RATE = 0.02
"""How many sessions begin outside their taste: 1.9 % of those that training never saw did."""
MIN_TASTE_WEIGHT = 0.02
"""Tastes less likely than this are ignored."""
MAX_PLAYS = 100
"""Plays of a session that count: the first, and the latest after it."""


class SessionDAE:
    """Scores all known tracks for sessions, many at a time."""

    def __init__(
        self,
        dae: DAE,
        tastes: TasteTable,
        listening: ListeningModel,
        artist_discount: float,
        options: SessionOptions,
    ) -> None:
        """`listening` is of all tracks; those that `dae` has are kept."""
        self.dae, self.tastes, self.options = dae, tastes, options
        self.listening_share = 0.5 if options.listening_share is None else options.listening_share
        self.artist_discount = artist_discount if options.use_artists else 1.0
        known = dae.tracks.cpu().numpy()
        self.listening = ListeningModel(
            listening.tastes,
            listening.tracks[known],
            listening.track_bias[known],
            listening.user_scale,
            listening.user_bias,
        )
        self.starts = _mean_tastes(tastes, self.listening.tastes, len(known))
        u, s, v = np.linalg.svd(dae.last.weight.detach().cpu().numpy(), full_matrices=False)
        rank = options.decoder_rank
        self.projection = v[:rank]
        """From the code to the directions in which the decoder acts, shape (rank, h)."""
        self.decoder = (u * s)[:, :rank]
        """The decoder there, shape (n_known, rank): the best of that rank (Eckart and Young)."""

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of a standard deviation of the autoencoder's score, and of the listening's."""
        listening = self.options.weight * self.listening_share
        return self.options.weight - listening, listening

    def scores(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], times: NDArray[np.float32]
    ) -> Tensor:
        """Scores of shape (n, known tracks) for n sessions; arguments as for `both`."""
        first, second, found = self.both(rows, places, times)
        dae, listening = self.weights
        scores = dae * first + listening * second + self.options.offset
        return torch.where(found[:, None], scores, 0.0)

    @torch.no_grad()
    def both(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], times: NDArray[np.float32]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The autoencoder's and the listening score, standardised, of shape (n, known tracks).

        `rows`: their users, shape (n,), -1 for unknown ones. `places` and `times`: their plays so
        far, shape (n, length), in order, no more than `MAX_PLAYS`; a place of -1 is a play of an
        unknown track, or none. The third says of which sessions anything is known, shape (n,).
        """
        dae, o, w = self.dae, self.options, self.listening
        heard = torch.from_numpy(places >= 0)
        p, t = torch.from_numpy(np.maximum(places, 0)), torch.from_numpy(times)
        posterior = self._posterior(rows, places, times)
        session = torch.where(heard, t - o.skip_weight * (1 - t), 0.0)
        if not o.use_session:
            session = torch.zeros_like(session)
        bags, weights, found = [], [], []
        q = torch.zeros((len(rows), w.tracks.shape[1]))
        for i, row in enumerate(rows.tolist()):
            mine = torch.empty(0)
            here = p[i][heard[i]]
            chances = posterior[i]
            if chances is not None:
                a, b = self.tastes.offsets[row : row + 2]
                sizes = np.diff(self.tastes.bounds[a : b + 1])
                mine = torch.from_numpy(np.repeat(chances, sizes))
                members = self.tastes.members[self.tastes.bounds[a] : self.tastes.bounds[b]]
                here = torch.cat([torch.from_numpy(members.astype(np.int64)), here])
            mine = torch.cat([mine, session[i][heard[i]]])
            length = mine.norm()
            mine = mine / length.clamp(min=1e-9)
            q[i] = mine.clamp(min=0) @ torch.from_numpy(self.starts)[here]
            found.append(bool(length > 0))
            bags.append(here)
            weights.append(mine)
        offsets = torch.tensor([0, *np.cumsum([len(bag) for bag in bags])])
        sums = functional.embedding_bag(
            torch.cat(bags),
            dae.first,
            offsets,
            mode="sum",
            per_sample_weights=torch.cat(weights).to(torch.float32),
            include_last_offset=True,
        )
        code = dae.encode_sums(sums)
        code = code @ torch.from_numpy(self.projection).T
        first = _standard(code @ torch.from_numpy(self.decoder).T)
        second = _standard(q @ torch.from_numpy(w.tracks).T)
        return first, second, torch.tensor(found)

    def _posterior(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], times: NDArray[np.float32]
    ) -> list[NDArray[np.float32] | None]:
        """How likely each taste of the user is the session's; None where there is none."""
        w, table = self.listening, self.tastes
        found: list[NDArray[np.float32] | None] = []
        for i, row in enumerate(rows.tolist()):
            a, b = table.offsets[row : row + 2] if row >= 0 else (0, 0)
            if a == b or not self.options.use_history:
                found.append(None)
                continue
            log = np.log(table.weights[a:b].astype(np.float64))
            if self.options.use_session:
                home = np.array(
                    [
                        places[i, 0] in table.members[table.bounds[c] : table.bounds[c + 1]]
                        for c in range(a, b)
                    ]
                )
                log += np.log(np.where(home, 1 - OUTSIDE_TASTE_RATE, OUTSIDE_TASTE_RATE))
                later = np.flatnonzero(places[i] >= 0)
                later = later[later > 0]
                p, t = places[i, later], times[i, later]
                x = w.tastes[a:b] @ w.tracks[p].T + w.track_bias[p]
                z = torch.from_numpy(w.user_scale[row] * x + w.user_bias[row])
                t = torch.from_numpy(t)
                fit = t * functional.logsigmoid(z) + (1 - t) * functional.logsigmoid(-z)
                log += fit.sum(1).numpy()
            chance = np.exp(log - log.max())
            chance /= chance.sum()
            found.append(np.where(chance < MIN_TASTE_WEIGHT, 0.0, chance).astype(np.float32))
        return found


def _standard(scores: Tensor) -> Tensor:
    centred = scores - scores.mean(1, keepdim=True)
    deviations: Tensor = centred.square().mean(1, keepdim=True).sqrt()
    return centred / deviations.clamp(min=1e-9)


def _mean_tastes(
    table: TasteTable, tastes: NDArray[np.float32], n_known: int
) -> NDArray[np.float32]:
    """The mean of the tastes that each known track is in, shape (n_known, d); 0 where in none."""
    sums = np.zeros((n_known, tastes.shape[1]))
    np.add.at(sums, table.members, tastes[table.owners])
    counts = np.bincount(table.members, minlength=n_known)
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
