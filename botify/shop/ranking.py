"""Candidates of an answer in the order of a ranker, with the values that it used."""

import time
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import orjson

from botify.config import POPULAR_LIST, ShopConfig
from botify.errors import InputError
from botify.session_model.repository import FileRepository
from botify.shop.blend import REMINDERS, MergingRecommender
from botify.shop.live_ranker import LiveRanker
from botify.shop.recommenders import ItemRecommender, build_item_recommenders
from botify.shop.selection import Candidate
from botify.store.visitor_events import RecentEvent

if TYPE_CHECKING:  # not in the parent of the workers: it imports prometheus_client
    from botify.shop.lookup import ItemLookup

MOST_RANKED = 200
"""So many candidates are ranked, the first ones; others follow as they came."""


class Ranked(NamedTuple):
    """Candidates, best first."""

    candidates: list[Candidate]
    """With the ranker's scores, as far as they were ranked."""
    at: int
    """As of when, in ms."""
    ranker: str
    """Its name."""
    version: str
    fingerprint: str
    """Of its features."""
    rows: Mapping[str, Any]
    """Values of the features, by item."""

    def logged(self, items: Iterable[str]) -> dict[str, Any]:
        """What a `recommend` line has as `features`: null for an item that was not ranked."""
        rows = [self.rows.get(item) for item in items]
        return {
            "ranker": self.ranker,
            "version": self.version,
            "fingerprint": self.fingerprint,
            # As float32, in the fewest digits that tell it; NaN as null.
            "values": orjson.Fragment(orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY)),
        }


class Ranking:
    """Asks the rankers in service."""

    def __init__(self, rankers: Mapping[str, LiveRanker], lookup: "ItemLookup") -> None:
        """`rankers` by name."""
        self._rankers = rankers
        self._lookup = lookup

    def order(
        self,
        of: MergingRecommender,
        candidates: Iterable[Candidate],
        recent: Sequence[RecentEvent],
        left_out: Set[str],
    ) -> Ranked | None:
        """Each item once, without those to leave out; None without Redis, where the facts are.

        `recent`: the visitor's last events, newest first. Without its ranker in service, which
        `/health` tells, as they came, and with no values.
        """
        once: dict[str, Candidate] = {}
        for each in candidates:
            if each.item not in left_out:
                once.setdefault(each.item, each)
        in_order = list(once.values())
        live = self._rankers.get(of.ranker or "")
        ranker = None if live is None else live.current
        if ranker is None:
            return Ranked(in_order, _now(), of.ranker or "", "", "", {})
        from botify.shop.ranker import rank

        first, others = in_order[:MOST_RANKED], in_order[MOST_RANKED:]
        facts = self._lookup.facts([each.item for each in first], recent)
        if facts is None:
            return None
        now = _now()
        ranked = rank(ranker, first, recent, facts, now)
        ordered = [
            first[place]._replace(score=score)
            for place, score in zip(ranked.order, ranked.scores, strict=True)
        ]
        return Ranked(
            ordered + others,
            now,
            of.ranker or "",
            ranker.version,
            ranker.features.fingerprint,
            {each.item: row for each, row in zip(first, ranked.values, strict=True)},
        )


def live_rankers(config: ShopConfig, repository: FileRepository | None) -> dict[str, LiveRanker]:
    """The rankers of a config, by name."""
    if repository is None:
        return {}
    sources = ranker_sources(config)
    return {name: LiveRanker(name, repository, sources[name]) for name in config.rankers}


def ranker_sources(config: ShopConfig) -> dict[str, tuple[str, ...]]:
    """Of each ranker, by name: the sources that all recommenders with it have; of one without
    recommenders, all lists."""
    found: dict[str, tuple[str, ...]] = {}
    merging = [one for one in build_item_recommenders(config).values() if _merges(one)]
    for name in config.rankers:
        asked = [one.candidate_sources for one in merging if one.ranker == name]
        first = asked[0] if asked else (*config.lists, *config.neighbours, REMINDERS, POPULAR_LIST)
        found[name] = tuple(one for one in first if all(one in others for others in asked))
    return found


def build_with_rankers(
    config: ShopConfig, rankers: Mapping[str, LiveRanker]
) -> dict[str, ItemRecommender]:
    """As `build_item_recommenders`. Raises InputError too where a recommender lacks a source that
    the features of its ranker in service are of."""
    made = build_item_recommenders(config)
    for name, each in made.items():
        live = rankers.get(each.ranker or "") if _merges(each) else None
        if not _merges(each) or live is None:
            continue
        ranker = live.current
        lacking = set(ranker.features.sources if ranker else ()) - set(each.candidate_sources)
        if lacking:
            raise InputError(
                f"recommenders.{name}.ranker: {each.ranker!r} has features of sources that this "
                f"recommender does not have: {', '.join(sorted(lacking))}; it has "
                f"{', '.join(each.candidate_sources)}"
            )
    return made


def _merges(recommender: ItemRecommender) -> TypeGuard[MergingRecommender]:
    return isinstance(recommender, MergingRecommender)


def _now() -> int:
    return time.time_ns() // 1_000_000
