"""`botify shop features`: an event log becomes files of features."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from botify.config import EventsConfig
from botify.errors import InputError
from botify.files.jsonlines import read_objects
from botify.shop.features.names import FeatureSet
from botify.shop.replay.candidates import SOURCES, AsOf
from botify.shop.replay.groups import Group, Grouping, leading_events
from botify.shop.replay.log import EVERY, Advance, Log
from botify.shop.replay.state import ShopState
from botify.shop.replay.write import write_features
from botify.store.fallback import FALLBACK
from contract.errors import FormatError
from contract.item_lists import parse_item


class Options(NamedTuple):
    """How a log is turned into groups."""

    targets: tuple[str, ...] = ("addtocart",)
    sources: tuple[str, ...] = ()
    """Of the features, in order; empty: those of the log's answers, and of candidates."""
    names: Mapping[str, str] = {}
    """Other names of the sources of candidates (`candidates.SOURCES`)."""
    each: int = 100
    """How many candidates of each source at most."""
    window_ms: int = 86_400_000
    """How long after an answer an event counts for it."""
    scores: bool = False
    share: float = 1.0
    """Of the targets where nothing was shown, that are taken."""
    before_view: bool = False
    """Where nothing was shown: as of before the view that led to the target."""


class Written(NamedTuple):
    """What was made of a log."""

    groups: int
    features: FeatureSet
    counts: Mapping[str, int]
    """What became of answers and targets, in words."""

    def notes(self) -> list[str]:
        """For a person."""
        return [f"{count:,} {what}" for what, count in self.counts.items()]


def write_log_features(
    paths: Sequence[Path],
    out: Path,
    options: Options,
    events: EventsConfig,
    items: Path | None = None,
    advance: Advance = lambda count: None,
) -> Written:
    """Replay logs and write their features; `items`: the catalog, `items.json`. Raises InputError.

    What items.json says of price and category is taken as it stands; changes in the log take
    effect when they were made.
    """
    unknown = [kind for kind in options.targets if kind not in events.all_kinds]
    if unknown:
        raise InputError(f"--target: {unknown[0]!r} is not one of {', '.join(events.all_kinds)}")
    wrong = [name for name in options.names if name not in SOURCES]
    if wrong:
        raise InputError(f"--name: {wrong[0]!r} is not one of {', '.join(SOURCES)}")
    log = Log(paths, advance)
    own = [options.names.get(source, source) for source in SOURCES]
    shown = sorted(source for source in log.sources if source != FALLBACK)
    sources = options.sources or tuple(dict.fromkeys((*own, *shown)))
    features = FeatureSet(sources, options.scores)
    state = ShopState(events, None if items is None else _catalog(items))
    as_of = AsOf(state, options.each, options.names)
    leading = leading_events(log, options.targets) if options.before_view else frozenset()
    grouping = Grouping(
        *(features, state, as_of, options.targets, options.window_ms, sources, options.share),
        leading,
    )
    told: dict[str, int] = {}

    def groups() -> Iterator[Group]:
        for number, line in enumerate(log, 1):
            yield from grouping.replay(line)
            if number % EVERY == 0:
                advance(EVERY)
        yield from grouping.end()
        for name in ("bad", "repeated"):
            if log.counts[name]:
                told[f"lines of the log that are {name}, left out"] = log.counts[name]
        told.update(sorted(grouping.counts.items()))

    about: dict[str, Any] = {
        "targets": options.targets,
        "window_ms": options.window_ms,
        "candidates_of_each_source": options.each,
        "share_of_targets": options.share,
        "before_view": options.before_view,
        "items": None if items is None else "as they stand, changed as the log says",
        "counts": told,
    }
    return Written(write_features(out, features, groups(), about), features, told)


def _catalog(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for place, row in read_objects(path):
        try:
            item = parse_item(row)
        except FormatError as error:
            raise InputError(f"{place}: {error}") from error
        found[item.item] = item.fields
    return found
