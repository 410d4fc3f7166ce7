"""A global cut in time: learned from what was before, asked for carts and purchases after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.events import Events
from offline.data.sessions import training_set_of
from offline.errors import InputError
from offline.evaluation.shop.measures import LENGTHS, Catalogue, Row, measured
from offline.models.base import Hooks, Recommender

TARGETS = ("addtocart", "transaction")
CUT = 0.85
"""Share of the events that is learned from."""


@dataclass(frozen=True)
class Evaluation:
    """The rows of a table, and what they are of."""

    rows: tuple[Row, ...]
    told: tuple[str, ...]
    """How the data was divided, and what cannot be found, in sentences."""
    counts: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Cut:
    """Events divided in time."""

    moment: int
    """ms since the epoch; later events are not learned from."""
    train: Events
    relevant: sparse.csr_matrix
    """What each user came to later, by the kinds that are asked for: (n_users, n_items)."""


def cut_of(
    events: Events, n_users: int, n_items: int, targets: Sequence[str], share: float
) -> Cut:
    """Divide events. Raises InputError where nothing is left to learn from, or to find."""
    moment = moment_of(events, share)
    before = events.timestamp < moment
    after = ~before & events.of_kinds(tuple(targets))
    train = events.where(before)
    pairs = np.unique(events.user[after] * n_items + events.item[after])
    if not len(train) or not len(pairs):
        raise InputError(
            f"a cut at {shown(moment)} leaves {len(train):,} events to learn from and "
            f"{len(pairs):,} targets ({', '.join(targets)}): choose another --cut or --targets"
        )
    users, items = np.divmod(pairs, n_items)
    bounds = np.searchsorted(users, np.arange(n_users + 1))
    ones = np.ones(len(pairs), np.float32)
    relevant = sparse.csr_matrix((ones, items, bounds), shape=(n_users, n_items))
    return Cut(moment, train, relevant)


def moment_of(events: Events, share: float) -> int:
    """The time before which that share of the events is. Raises InputError for no events."""
    if not len(events):
        raise InputError("no events to divide")
    at = min(int(share * len(events)), len(events) - 1)
    return int(np.partition(events.timestamp, at)[at])


def time_cut(
    models: Mapping[str, Recommender],
    events: Events,
    shape: tuple[int, int],
    *,
    targets: Sequence[str] = TARGETS,
    share: float = CUT,
    validation: bool = False,
    seed: int = 0,
    hooks: Hooks | None = None,
) -> Evaluation:
    """Measure models on events that came after all they learned from.

    A visitor's list is made from the visitor's events before the cut. The lists for all targets
    and repeated ones may have items that the visitor has come to; for new ones these are left out.

    Parameters
    ----------
    models : mapping of str to Recommender
        By the name that the table shows.
    events : Events
    shape : (n_users, n_items)
        Of the whole data; the catalogue is all items with an event before the cut.
    targets : sequence of str
        Kinds of events that are asked for.
    share : float, default 0.85
        Of the events, those before the cut.
    validation : bool, default False
        Whether to take only what is before the cut, and cut that again: for choosing settings.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Evaluation
        For each model a row for all targets, new and repeated ones, new ones of known items, and
        those of cold visitors, who had no event before the cut.

    Raises
    ------
    InputError
        As `cut_of`.
    """
    n_users, n_items = shape
    if validation:
        events = events.where(events.timestamp < moment_of(events, share))
    cut = cut_of(events, n_users, n_items, targets, share)
    train = training_set_of(cut.train, n_items, n_users)
    seen = train.matrix
    asked = np.flatnonzero(np.diff(cut.relevant.indptr))
    cold = np.diff(seen.indptr)[asked] == 0
    popularity = train.histories.popularity()
    parts = _parts(cut.relevant[asked], seen[asked], popularity > 0, cold)
    catalogue = Catalogue(popularity, int((train.histories.sizes > 0).sum()))
    rows: list[Row] = []
    for name, model in models.items():
        model.fit(train, hooks)
        longest = max(LENGTHS)
        lists, unseen = (
            model.recommend(asked, longest, exclude_seen=exclude).ids for exclude in (False, True)
        )
        for segment, (relevant, left_out) in parts.items():
            row = measured(name, segment, unseen if left_out else lists, relevant, catalogue, seed)
            rows += [] if row is None else [row]
    counts = _counts(parts, cut, asked, cold, catalogue)
    return Evaluation(tuple(rows), _told(cut, counts, targets, validation), counts)


Parts = dict[str, tuple[sparse.csr_matrix, bool]]


def _parts(
    relevant: sparse.csr_matrix,
    seen: sparse.csr_matrix,
    known: NDArray[np.bool_],
    cold: NDArray[np.bool_],
) -> Parts:
    """Targets by segment, and whether what was seen is left out of the lists for them."""
    repeated = sparse.csr_matrix(relevant.multiply(seen))
    new = sparse.csr_matrix(relevant - repeated)
    new.eliminate_zeros()
    warm = sparse.diags((~cold).astype(np.float32))
    visitors = sparse.diags(cold.astype(np.float32))
    of_known = sparse.diags(known.astype(np.float32))
    parts = {
        "all": (relevant, False),
        "repeated": (repeated, False),
        "new": (warm @ new, True),
        "new, known items": (warm @ new @ of_known, True),
        "cold visitors": (visitors @ relevant, False),
    }
    found = {}
    for name, (matrix, left_out) in parts.items():
        matrix = sparse.csr_matrix(matrix)
        matrix.eliminate_zeros()
        matrix.sort_indices()
        found[name] = matrix, left_out
    return found


def _counts(
    parts: Parts,
    cut: Cut,
    asked: NDArray[np.int64],
    cold: NDArray[np.bool_],
    catalogue: Catalogue,
) -> dict[str, int]:
    targets = {name: int(matrix.nnz) for name, (matrix, _) in parts.items()}
    known = catalogue.popularity > 0
    return {
        "events_before": len(cut.train),
        "visitors_before": catalogue.visitors,
        "catalogue": catalogue.size,
        "visitors": len(asked),
        "cold_visitors": int(cold.sum()),
        "targets": targets["all"],
        "repeated_targets": targets["repeated"],
        "new_targets": targets["new"],
        "targets_of_cold_visitors": targets["cold visitors"],
        "targets_of_cold_items": int((~known[cut.relevant.indices]).sum()),
    }


def _told(
    cut: Cut, counts: Mapping[str, int], targets: Sequence[str], validation: bool
) -> tuple[str, ...]:
    c = counts
    lost = c["targets_of_cold_items"] / c["targets"]
    part = "validation part: what is after the first cut is not looked at; " if validation else ""
    return (
        f"{part}learned from {c['events_before']:,} events of {c['visitors_before']:,} visitors "
        f"before {shown(cut.moment)}, asked for {c['targets']:,} pairs ({', '.join(targets)}) of "
        f"{c['visitors']:,} visitors from then on",
        f"{c['repeated_targets']:,} targets are items that the visitor had come to before, "
        f"{c['new_targets']:,} are new to the visitor, {c['targets_of_cold_visitors']:,} are of "
        f"{c['cold_visitors']:,} visitors without an event before",
        f"{c['targets_of_cold_items']:,} targets ({lost:.0%}) are items that nobody had come to: "
        "no list has them, and they count as misses",
        f"the catalogue has {c['catalogue']:,} items; every one is ranked",
    )


def shown(ms: int) -> str:
    """A time in words; UTC."""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
