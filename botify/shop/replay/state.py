"""What the service knew at a moment of the log: the same as it keeps in Redis."""

from bisect import insort
from collections.abc import Iterable, Mapping
from typing import Any

from botify.config import EventsConfig
from botify.shop.features.counts import COUNTED, Sums, weight
from botify.shop.features.facts import Facts, ItemFacts, category_of, price_known
from botify.store.visitor_events import RecentEvent, pack_recent
from contract.shop_events import ShopEvent


class ShopState:
    """Last events of visitors, fields of items and sums of events, as lines of the log change
    them."""

    def __init__(
        self, config: EventsConfig, items: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        """`items`: the fields of the catalog's items; None if every item of the log is one."""
        self._config = config
        self._catalog = items
        self._fields: dict[str, dict[str, Any] | None] = {}
        self._visitors: dict[str, list[tuple[int, bytes, RecentEvent]]] = {}
        self._expires: dict[str, int] = {}
        self._sums: dict[str, list[float]] = {}
        self._first: dict[str, int] = {}
        self._categories: dict[str, list[float]] = {}
        self._total = [0.0, 0.0, 0.0]

    def take(self, event: ShopEvent, known: int) -> bool:
        """An event that the service knew at `known`, in ms; whether it is one of those kept."""
        config, at = self._config, event.timestamp
        if event.event in config.not_recent or event.event not in config.all_kinds or at is None:
            return False
        entry = (at, pack_recent(event.id or "", event.event, event.item))
        kept = self._visitors.get(event.user, [])
        if self._expires.get(event.user, known) < known:
            kept = []
        self._visitors[event.user] = kept
        insort(kept, (*entry, RecentEvent(event.item, event.event, at)))
        del kept[: -config.recent]
        self._expires[event.user] = known + config.ttl * 1000
        lasts = kept[0] <= (*entry, RecentEvent(event.item, event.event, at))
        if lasts and event.event in COUNTED and self.offers(event.item):
            self._count(event.item, COUNTED.index(event.event), at)
        return True

    def change(self, row: Mapping[str, Any]) -> None:
        """A line that says `item`."""
        item, fields = str(row["item"]), row.get("fields")
        if fields is None:
            self._fields[item] = None
        else:
            # A deleted item comes back as the catalog has it.
            before = self._of(item) or (self._catalog or {}).get(item, {})
            self._fields[item] = {**before, **fields}

    def offers(self, item: str) -> bool:
        """Whether the catalog has the item."""
        return self._of(item) is not None

    def recent(self, user: str, now: int) -> tuple[RecentEvent, ...]:
        """The last events of a visitor, newest first."""
        if self._expires.get(user, 0) < now:
            return ()
        return tuple(entry[2] for entry in reversed(self._visitors[user]))

    def facts(self, items: Iterable[str]) -> Facts:
        """Of these items and their categories."""
        found = {item: self._facts(item) for item in items}
        categories = {one.category for one in found.values() if one.category is not None}
        sums = {name: Sums(*self._categories.get(name, ())) for name in sorted(categories)}
        return Facts(found, sums, Sums(*self._total))

    def sums(self) -> Iterable[tuple[str, list[float]]]:
        """The sums of every item that was ever counted."""
        return self._sums.items()

    def _of(self, item: str) -> dict[str, Any] | None:
        if item in self._fields:
            return self._fields[item]
        return {} if self._catalog is None else self._catalog.get(item)

    def _facts(self, item: str) -> ItemFacts:
        fields = self._of(item) or {}
        return ItemFacts(
            category_of(fields),
            price_known(fields),
            Sums(*self._sums.get(item, ())),
            self._first.get(item),
        )

    def _count(self, item: str, kind: int, at: int) -> None:
        added = weight(at)
        category = category_of(self._of(item) or {})
        rows = [self._total, self._sums.setdefault(item, [0.0, 0.0, 0.0])]
        if category is not None:
            rows.append(self._categories.setdefault(category, [0.0, 0.0, 0.0]))
        for row in rows:
            row[kind] += added
        self._first[item] = min(at, self._first.get(item, at))
