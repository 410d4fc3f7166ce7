"""What comes next in a session, given its beginning: every beginning, the whole catalogue."""

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from offline.data.events import Events
from offline.data.sessions import Prefixes, SessionData, prefixes_of, training_set_of
from offline.errors import InputError
from offline.evaluation.shop.measures import LENGTHS, Catalogue, Row, measured
from offline.evaluation.shop.time_cut import Evaluation, moment_of, shown
from offline.models.base import Hooks, Recommender

VALIDATION = 0.1
"""Of the training sessions."""


def next_item(
    models: Mapping[str, Recommender],
    data: SessionData,
    *,
    seed: int = 0,
    hooks: Hooks | None = None,
) -> Evaluation:
    """Measure models by the item that came next, with and without the session's own items.

    Over all prefixes of all test sessions. There is one target each, so that recall@k is also the
    hit rate, which others call P@k or HR@k. Intervals are over sessions. `new` are the prefixes
    whose target is not in them, `repeated` the others; "own items left out" counts over all
    prefixes, so that repeated targets are misses.
    """
    for model in models.values():
        model.check_folds_in()
    train, test = training_set_of(data.train, data.n_items), data.test
    if not len(test.target):
        raise InputError(f"{data.name}: no session has a second event to ask for")
    histories, places = test.histories(data.n_items)
    repeated, n = test.repeated(), len(test.target)
    ones = np.ones(n, np.float32)
    relevant = sparse.csr_matrix((ones, test.target, np.arange(n + 1)), (n, data.n_items))
    popularity = train.histories.popularity()
    catalogue = Catalogue(popularity, len(train.histories))
    parts = {
        "all": (relevant, False),
        "all, own items left out": (relevant, True),
        "repeated": (_only(relevant, repeated), False),
        "new": (_only(relevant, ~repeated), True),
    }
    rows: list[Row] = []
    for name, model in models.items():
        model.fit(train, hooks)
        lists = {
            exclude: model.recommend_for(
                histories, max(LENGTHS), exclude_seen=exclude, timestamps=places
            ).ids
            for exclude in (False, True)
        }
        for segment, (targets, exclude) in parts.items():
            row = measured(name, segment, lists[exclude], targets, catalogue, seed, test.session)
            rows += [] if row is None else [row]
    counts = {
        "events_before": len(data.train),
        "catalogue": catalogue.size,
        "prefixes": n,
        "sessions": len(np.unique(test.session)),
        "repeated_targets": int(repeated.sum()),
        "targets_of_cold_items": int((popularity[test.target] == 0).sum()),
    }
    share = repeated.mean()
    told = (
        data.told,
        f"{counts['repeated_targets']:,} of {n:,} targets ({share:.0%}) are in the prefix already;"
        f" {counts['targets_of_cold_items']:,} are items that no session before had, which count "
        "as misses",
        f"the catalogue has {catalogue.size:,} items; every one is ranked",
    )
    return Evaluation(tuple(rows), told, counts)


def _only(matrix: sparse.csr_matrix, rows: np.ndarray) -> sparse.csr_matrix:
    found = sparse.csr_matrix(sparse.diags(rows.astype(np.float32)) @ matrix)
    found.eliminate_zeros()
    return found


def validation_of(data: SessionData) -> SessionData:
    """The last tenth of the training sessions in the place of the test's: to choose settings by.

    Which session is the last is told by their numbers; a random tenth, whose neighbours in time
    are learned from, is far easier than the test of data whose sessions are in order.
    """
    first = int((1 - VALIDATION) * (int(data.train.user.max()) + 1))
    held = data.train.where(data.train.user >= first)
    kept = data.train.where(data.train.user < first)
    test = prefixes_of(held, held.user)
    told = (
        f"validation part, the test's sessions are not looked at: learned from "
        f"{len(np.unique(kept.user)):,} training sessions, asked for what follows "
        f"{len(test.target):,} prefixes of {len(np.unique(held.user)):,} others"
    )
    return SessionData(data.name, kept, test, data.n_items, told)


def sessions_of(
    name: str, events: Events, n_items: int, share: float, gap_ms: int, validation: bool
) -> SessionData:
    """From events with times: sessions that began after a cut, models learn from before it.

    Raises InputError where that leaves no session.
    """
    if validation:
        events = events.where(events.timestamp < moment_of(events, share))
    moment = moment_of(events, share)
    session = events.sessions(gap_ms)
    begun = np.full(int(session[-1]) + 1, np.iinfo(np.int64).max)
    np.minimum.at(begun, session, events.timestamp)
    later = begun[session] >= moment
    train, held = events.where(events.timestamp < moment), events.where(later)
    if not len(train):
        raise InputError(f"{name}: no event before {shown(moment)} to learn from")
    test: Prefixes = prefixes_of(held, session[later])
    part = "validation part: what is after the first cut is not looked at; " if validation else ""
    told = (
        f"{part}learned from {len(train):,} events before {shown(moment)}, asked for what follows "
        f"{len(test.target):,} prefixes of sessions that began from then on"
    )
    return SessionData(name, train, test, n_items, told)
