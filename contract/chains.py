"""Recommenders as chains of steps in a config: the first step that has a track answers.

    steps:
      - {list: dae, pick: first}
      - {list: contextual, key: last_track, pick: unseen, time_from: 0.5}
      - {catalog: unseen}

`contract.chain_choice` defines what a chain answers. next.lua in the service, a compiled loop in
the simulator and the target policies of off-policy estimates do the same.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast, get_args

from contract.errors import FormatError
from contract.nearest import unknown_name
from contract.values import integer, is_number

Source = Literal["list", "artist", "catalog"]
"""A stored list, the tracks of an artist, or all tracks."""

Key = Literal["user", "last_track", "listened_track", "everyone"]
"""Whose list, or artist: the user's, the last track's, that of one of the session's last plays,
drawn by the time that each was heard; or the one list there is."""

Pick = Literal["first", "best", "next", "unseen", "any"]
"""Of the tracks not seen (played or offered) in the session: the first (`first`), the first after
the last track's place (`next`), one at random (`unseen`). Of all, seen or not: the first (`best`),
one at random (`any`)."""

Owner = Literal["user", "track", "everyone"]
"""What a file has a list for."""

TOP_TRACKS = "top_tracks"
"""The list of the most popular tracks, the same for everyone."""

DEFAULT_PLAYS, MAX_PLAYS = 10, 100

MAX_STEPS = 100
"""Each request may have to look at all steps."""

_KEYS: dict[Owner, tuple[Key, ...]] = {
    "user": ("user",),
    "track": ("last_track", "listened_track"),
    "everyone": ("everyone",),
}
_SETTINGS = ("pick", "key", "plays", "time_from", "time_below", "as")
_ALLOWED: dict[Source, tuple[str, ...]] = {
    "list": _SETTINGS,
    "artist": ("pick", "time_from", "time_below", "as"),
    "catalog": ("time_from", "time_below", "as"),
}


class Step(NamedTuple):
    """One place to look for the next track."""

    source: Source
    pick: Pick
    name: str = ""
    """The list's name."""
    key: Key | None = None
    """None: as the list's owner says; `with_keys` fills it in."""
    plays: int = DEFAULT_PLAYS
    """From how many of the last plays `listened_track` is drawn."""
    time_from: float = 0.0
    time_below: float = math.inf
    """The step is passed over unless time_from <= time of the last play < time_below."""
    answers_as: str = ""
    """Name in the log when this step answers; "" for the recommender's own."""

    @property
    def is_conditional(self) -> bool:
        """Whether it depends on the time of the last play."""
        return self.time_from > 0.0 or self.time_below <= 1.0

    def applies(self, time: float) -> bool:
        """Whether it is looked at after a play of this time."""
        return self.time_from <= time < self.time_below


def parse_steps(value: object) -> tuple[Step, ...]:
    """The steps of a config. Raises FormatError that names step and key.

    Steps up to the first without a condition answer under the recommender's own name. Later ones
    are fallbacks and answer as `top_pop`, `random`, `sticky_artist` or the name of their list,
    unless they say `as`.
    """
    if not isinstance(value, list | tuple) or not value:
        raise FormatError("`steps` must be a list of steps, such as [{catalog: unseen}]")
    if len(value) > MAX_STEPS:
        raise FormatError(f"`steps` has {len(value):,} steps: at most {MAX_STEPS} may be")
    steps: list[Step] = []
    for number, entry in enumerate(value):
        try:
            step = _parse_step(entry)
        except FormatError as error:
            raise FormatError(f"steps.{number}: {error}") from None
        if not step.answers_as and not all(earlier.is_conditional for earlier in steps):
            step = step._replace(answers_as=_fallback_name(step))
        steps.append(step)
    _check_end(steps)
    return tuple(steps)


def with_keys(steps: Iterable[Step], owners: Mapping[str, Owner]) -> tuple[Step, ...]:
    """The steps with the keys that they leave out.

    `owners`: the lists that there are, besides TOP_TRACKS. Raises FormatError for an unknown list,
    and for a key that does not fit it.
    """
    owners = {**owners, TOP_TRACKS: "everyone"}
    found = []
    for number, step in enumerate(steps):
        if step.source == "list":
            if step.name not in owners:
                message = unknown_name("list", step.name, owners)
                raise FormatError(f"steps.{number}.list: {message}")
            keys = _KEYS[owners[step.name]]
            if step.key not in (None, *keys):
                raise FormatError(
                    f"steps.{number}.key: {step.name!r} has a list for {_each(owners[step.name])},"
                    f" so its key is {' or '.join(keys)}, not {step.key}"
                )
            step = step._replace(key=step.key or keys[0])
        found.append(step)
    return tuple(found)


def as_entry(step: Step) -> dict[str, Any]:
    """The step as a config says it."""
    places: dict[Source, dict[str, Any]] = {
        "list": {"list": step.name, "key": step.key},
        "artist": {"artist": "last_track"},
        "catalog": {"catalog": step.pick},
    }
    entry = places[step.source]
    if step.plays != DEFAULT_PLAYS:
        entry["plays"] = step.plays
    if step.source != "catalog":
        entry["pick"] = step.pick
    if step.time_from > 0.0:
        entry["time_from"] = step.time_from
    if step.time_below < math.inf:
        entry["time_below"] = step.time_below
    entry["as"] = step.answers_as
    return {name: value for name, value in entry.items() if value not in (None, "")}


def list_names(steps: Iterable[Step]) -> tuple[str, ...]:
    """Names of the lists that the steps read, each once."""
    return tuple(dict.fromkeys(step.name for step in steps if step.source == "list"))


def needs_plays(steps: Iterable[Step]) -> bool:
    """Whether the plays of the session, with their times, have to be kept for them."""
    return any(step.key == "listened_track" for step in steps)


def set_seen_filter(steps: Iterable[Step], seen_filter: bool) -> tuple[Step, ...]:
    """All steps with the seen filter; or without it, but the fallbacks as they are."""
    pairs: tuple[tuple[Pick, Pick], ...] = (("first", "best"), ("unseen", "any"))
    picks = {pick: pair[0 if seen_filter else 1] for pair in pairs for pick in pair}
    return tuple(
        step._replace(pick=picks.get(step.pick, step.pick))
        if seen_filter or not step.answers_as
        else step
        for step in steps
    )


def _parse_step(entry: object) -> Step:
    if not isinstance(entry, dict):
        raise FormatError("must be a mapping, such as {list: NAME, pick: first}")
    values: dict[Any, Any] = entry
    sources = [source for source in get_args(Source) if source in values]
    for name in values:
        if name not in (*get_args(Source), *_SETTINGS):
            known = sources or get_args(Source)
            raise FormatError(unknown_name("key", name, [*known, *_SETTINGS]))
    if len(sources) != 1:
        raise FormatError(
            f"must have one of list, artist and catalog, not {' and '.join(sources) or 'none'}"
        )
    source = cast(Source, sources[0])
    allowed = _ALLOWED[source]
    for name in values:
        if name != source and name not in allowed:
            raise FormatError(f"`{name}` does not go with `{source}` ({', '.join(allowed)} do)")
    name, key, pick = "", values.get("key"), values.get("pick")
    if source == "list":
        name = values["list"]
        if not isinstance(name, str) or not name:
            raise FormatError("`list` must be the name of a list")
        if key is not None and key not in get_args(Key):
            raise FormatError(unknown_name("key", key, get_args(Key)))
    elif source == "artist":
        key = values["artist"]
        if key != "last_track":
            raise FormatError(unknown_name("artist", key, ["last_track"]))
    else:
        pick = values["catalog"]
    return Step(
        source,
        _pick(pick, source, key),
        name,
        key,
        _plays(values.get("plays"), key),
        *_times(values),
        _name(values.get("as")),
    )


def _pick(pick: object, source: Source, key: object) -> Pick:
    # Only lists have an order; the last track has no place among those of an artist or catalog.
    known = get_args(Pick) if source == "list" else ("unseen", "any")
    if key == "listened_track":
        known = tuple(one for one in known if one != "next")
    if pick is None:
        raise FormatError(f"`pick` is missing ({', '.join(known)})")
    if pick not in known:
        raise FormatError(unknown_name("pick", pick, known))
    return cast(Pick, pick)


def _plays(value: object, key: object) -> int:
    if value is None:
        return DEFAULT_PLAYS
    if key != "listened_track":
        raise FormatError("`plays` goes with `key: listened_track`")
    plays = integer(value)
    if plays is None or not 1 <= plays <= MAX_PLAYS:
        raise FormatError(f"`plays` must be an integer from 1 to {MAX_PLAYS}")
    return plays


def _times(values: Mapping[str, object]) -> tuple[float, float]:
    found = []
    for name, default in (("time_from", 0.0), ("time_below", math.inf)):
        value = values.get(name, default)
        if not is_number(value) or not (value == default or 0 <= value <= 1):
            raise FormatError(f"`{name}` must be a number from 0 to 1, a share of a track")
        found.append(float(value))
    if found[0] >= found[1]:
        raise FormatError("`time_from` must be less than `time_below`, or the step is never used")
    return found[0], found[1]


def _name(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not value:
        raise FormatError("`as` must be a name for the log")
    return value


def _fallback_name(step: Step) -> str:
    if step.source == "list":
        return "top_pop" if step.name == TOP_TRACKS else step.name
    return "sticky_artist" if step.source == "artist" else "random"


def _check_end(steps: Sequence[Step]) -> None:
    """Raise FormatError unless the last step, and no other one, always answers."""
    *before, last = steps
    for number, step in enumerate(before):
        if step.source == "catalog" and not step.is_conditional:
            raise FormatError(
                f"steps.{number}: the catalog always has a track, so no step after it is used"
            )
    if last.source != "catalog" or last.is_conditional:
        raise FormatError(
            "the chain can end without an answer: let its last step be {catalog: unseen} or "
            "{catalog: any}, with no condition"
        )


def _each(owner: Owner) -> str:
    return {"user": "each user", "track": "each track", "everyone": "everyone"}[owner]
