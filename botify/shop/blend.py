"""A recommender that merges several lists, and takes the visitor's last events into account."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from pydantic import Field, model_validator

from botify.config import POPULAR_LIST, ItemRecommenderConfig
from botify.config.settings import Name
from botify.lists.reader import EVERYONE
from botify.shop.fusion import Fusion
from botify.shop.recommenders import ItemRecommender
from botify.shop.request import MAX_SEEDS, ItemRequest
from botify.shop.selection import Candidate
from botify.shop.visitor import Visitor
from botify.store.item_candidates import CandidateQuery, Candidates, OfRecent
from botify.store.items import Source

REMINDERS = "reminders"
"""The source of items that are there because the visitor saw them."""
_NOWHERE: Mapping[str, tuple[int, float | None]] = MappingProxyType({})


class MergingRecommender(ItemRecommender):
    """Orders the candidates of several lists, which are read in one round trip."""

    kinds: dict[str, float]
    """Weight of each kind of event that tells of interest."""
    half_life: float
    """Of that weight, in hours."""
    reminders: int
    """The most items of an answer that the visitor has seen before."""
    ranker: str | None = None
    """The name of the ranker that puts the candidates in their order, where there is one: then
    they have places. The order of `merge` says which of them, if they are many, are ranked."""
    candidate_sources: tuple[str, ...] = ()
    """The sources that candidates may have places in."""

    @abstractmethod
    def query(self, request: ItemRequest) -> CandidateQuery:
        """Which lists to read."""

    @abstractmethod
    def merge(
        self, request: ItemRequest, found: Candidates, visitor: Visitor
    ) -> Iterator[Candidate]:
        """All candidates, best first; an item may come again."""

    def sources(self, request: ItemRequest) -> tuple[Source, ...]:
        """None: the lists of `query` are read instead."""
        return ()


class Blend(MergingRecommender):
    """The visitor's list, items similar to those of the last events, and those items themselves,
    by weighted reciprocal ranks; popular items when these are used up. With a ranker, the first
    of all these by its scores.

    An item's score is the sum of w / (constant + rank) over the lists that have it, its rank from
    1: w is `list_weight`; for neighbours, `similar_weight` times the interest in the item whose
    neighbours they are; for items seen before, in the order of interest, `reminder_weight` times
    the interest in the item. Interest is the weight of the kind of event, halved with each
    half-life. Of items with one score, the one that is found first is first. (G. V. Cormack,
    C. L. A. Clarke, S. Buettcher: Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods, SIGIR 2009; there all weights are 1.)
    """

    class Config(ItemRecommenderConfig):
        """Names the lists, and says how much each tells."""

        list: Name | None = None
        """The lists of users."""
        neighbours: Name | None = None
        """The neighbours of items."""
        recent: int = Field(default=10, ge=0, le=MAX_SEEDS)
        """Of how many items of the last events."""
        kinds: dict[Name, float] = Field(
            default_factory=lambda: {"view": 1.0, "addtocart": 3.0, "transaction": 2.0}
        )
        """How much each kind of event tells of interest."""
        half_life: float = Field(default=24.0, gt=0)
        """Hours after which an event tells half as much."""
        list_weight: float = Field(default=1.0, ge=0)
        similar_weight: float = Field(default=1.0, ge=0)
        reminder_weight: float = Field(default=1.0, ge=0)
        constant: float = Field(default=60.0, ge=0)
        """The larger it is, the less the first ranks count for."""
        depth: int = Field(default=30, ge=1, le=1000)
        """How many items of each list are candidates."""
        reminders: int = Field(default=2, ge=0)
        """The most items of an answer that the visitor has seen before."""
        ranker: Name | None = None
        """The ranker that puts the first candidates in another order."""

        @model_validator(mode="after")
        def _something(self) -> "Blend.Config":
            if self.list is None and self.neighbours is None:
                raise ValueError("name `list`, `neighbours`, or both")
            if any(not 0 <= weight < float("inf") for weight in self.kinds.values()):
                raise ValueError("kinds: weights must not be negative")
            return self

        def references(self) -> Iterator[tuple[str, str, str]]:
            """Those of the three that it names."""
            if self.list is not None:
                yield "list", "lists", self.list
            if self.neighbours is not None:
                yield "neighbours", "neighbours", self.neighbours
            if self.ranker is not None:
                yield "ranker", "rankers", self.ranker

    config: Config

    def __init__(self, name: str, config: Config) -> None:
        super().__init__(name, config)
        self.kinds = config.kinds
        self.half_life = config.half_life
        self.reminders = config.reminders
        self.ranker = config.ranker
        named = [name for name in (config.list, config.neighbours) if name is not None]
        self.candidate_sources = (*named, REMINDERS, POPULAR_LIST)

    def query(self, request: ItemRequest) -> CandidateQuery:
        """The visitor's list, neighbours, popular items."""
        of = self.config
        lists: list[tuple[str, str]] = [] if of.list is None else [(of.list, request.user)]
        recent = None
        if of.neighbours is not None:
            lists += [(of.neighbours, item) for item in request.items]
            recent = OfRecent(of.neighbours, of.recent, tuple(of.kinds))
        return CandidateQuery((*lists, (POPULAR_LIST, EVERYONE)), recent, of.depth)

    def merge(
        self, request: ItemRequest, found: Candidates, visitor: Visitor
    ) -> Iterator[Candidate]:
        """By weighted reciprocal ranks, then popular items."""
        of, fusion = self.config, Fusion(self.config.constant)
        looked_at = max(of.kinds.values(), default=1.0)  # by the request: nothing tells more
        popular: list[tuple[str, float | None]] = []
        for name, owner, items, scores in found.lists:
            if name == POPULAR_LIST:
                popular = list(zip(items, scores, strict=True))
                continue
            because, weight = None, of.list_weight
            if name == of.neighbours:
                because = owner
                interest = looked_at if owner in request.items else visitor.interest.get(owner)
                weight = of.similar_weight * (interest or 0.0)
            if weight > 0:
                fusion.add(items, weight, name, because)
        wanted = sorted(visitor.wanted.items(), key=lambda pair: -pair[1])
        for rank, (item, interest) in enumerate(wanted, 1):
            weight = of.reminder_weight * interest
            if weight > 0 and item in found.items:
                fusion.add_parts([(item, weight / (of.constant + rank))], REMINDERS, item)
        places = {} if self.ranker is None else self._places(fusion, found, visitor)
        for item, score, source, because in fusion.best_first():
            yield Candidate(item, score, source, because, places.get(item, _NOWHERE))
        for item, listed in popular:
            yield Candidate(item, listed, POPULAR_LIST, None, places.get(item, _NOWHERE))

    def _places(
        self, fusion: Fusion, found: Candidates, visitor: Visitor
    ) -> Mapping[str, dict[str, tuple[int, float | None]]]:
        """Of each item, by source: its place there and its score, which reminders do not have."""
        of: list[tuple[str, Iterable[tuple[str, float | None]]]] = [
            (name, zip(items, scores, strict=True))
            for name, _, items, scores in found.lists
            if name != self.config.neighbours
        ]
        if self.config.neighbours is not None:
            of.append((self.config.neighbours, fusion.of_source(self.config.neighbours).items()))
        reminders = fusion.of_source(REMINDERS)  # newest first, as in a replay
        of.append((REMINDERS, [(item, None) for item in visitor.wanted if item in reminders]))
        places: defaultdict[str, dict[str, tuple[int, float | None]]] = defaultdict(dict)
        for source, items in of:
            for place, (item, score) in enumerate(items):
                places[item][source] = (place, score)
        return places
