"""Sessions to learn from, and beginnings of others with the item that came next."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.events import Events
from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet


class Prefixes(NamedTuple):
    """Beginnings of sessions: prefix p has `items[bounds[p]:bounds[p + 1]]`, in their order."""

    items: NDArray[np.int64]
    bounds: NDArray[np.int64]
    target: NDArray[np.int64]
    """What came next, shape (n,)."""
    session: NDArray[np.int64]
    """Of which session each is, shape (n,): those of one are no independent cases."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The prefix of each of `items`."""
        return np.repeat(np.arange(len(self.target)), np.diff(self.bounds))

    def histories(self, n_items: int) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
        """The items of each, once, and for each entry its last place in the prefix."""
        places = np.arange(len(self.items)) - self.bounds[self.rows]
        keys = self.rows * n_items + self.items
        order = np.lexsort((places, keys))
        last = np.ones(len(order), np.bool_)
        last[:-1] = np.diff(keys[order]) != 0
        kept = order[last]
        rows, columns = np.divmod(keys[kept], n_items)
        starts = np.searchsorted(rows, np.arange(len(self.target) + 1))
        ones = np.ones(len(kept), np.float32)
        shape = len(self.target), n_items
        return sparse.csr_matrix((ones, columns, starts), shape=shape), places[kept]

    def repeated(self) -> NDArray[np.bool_]:
        """Whether what came next is in the prefix, shape (n,)."""
        same = self.items == self.target[self.rows]
        return np.bincount(self.rows, same, minlength=len(self.target)) > 0


@dataclass(frozen=True, eq=False)
class SessionData:
    """What a next-item evaluation needs."""

    name: str
    train: Events
    """Of sessions: `user` is the session's number, or the visitor's."""
    test: Prefixes
    n_items: int
    told: str
    """How it was divided, in a sentence."""


def prefixes_of(events: Events, session: NDArray[np.int64]) -> Prefixes:
    """Every beginning of every session, with the event after it. `session`: of each event."""
    first = np.ones(len(events), np.bool_)
    first[1:] = np.diff(session) != 0
    starts = np.maximum.accumulate(np.where(first, np.arange(len(events)), 0))
    at = np.flatnonzero(~first)
    lengths = at - starts[at]
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(bounds[-1]) - np.repeat(bounds[:-1] - starts[at], lengths)
    return Prefixes(events.item[places], bounds, events.item[at], session[at])


def training_set_of(events: Events, n_items: int, n_users: int | None = None) -> TrainingSet:
    """The histories of users 0 to n_users - 1 (None: the largest), with the last times."""
    n_users = int(events.user.max(initial=-1)) + 1 if n_users is None else n_users
    keys, places = np.unique(events.user * n_items + events.item, return_inverse=True)
    last = np.full(len(keys), np.iinfo(np.int64).min)
    np.maximum.at(last, places, events.timestamp)
    users, items = np.divmod(keys, n_items)
    bounds = np.searchsorted(users, np.arange(n_users + 1))
    histories = InteractionMatrix(bounds, items, n_items)
    ids: NDArray[Any] = np.arange(n_users)
    return TrainingSet(
        histories,
        ids,
        ids,
        histories.fingerprint(),
        timestamps=last,
        read_events=lambda: events,
    )
