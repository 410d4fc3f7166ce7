"""The recommenders that are chains with a name: what each does, as a config would say it."""

from typing import Any, Literal, NamedTuple

from contract.chains import Owner, Step, parse_steps, set_seen_filter, with_keys

Setting = Literal["list", "neighbours"]
"""The setting of a preset that names its list: one for each user, or one for each track."""

_OWN = "LIST"
"""In a preset, stands for the list that the setting names."""

_OWNERS: dict[Setting | None, Owner] = {"list": "user", "neighbours": "track", None: "everyone"}

SKIP_BELOW = 0.1
"""A play of less than this share is a skip."""

_POPULAR: dict[str, Any] = {"list": "top_tracks", "pick": "first"}
_RANDOM: dict[str, Any] = {"catalog": "any"}
_UNSEEN: dict[str, Any] = {"catalog": "unseen"}


class Preset(NamedTuple):
    """A chain with a name."""

    meaning: str
    """As in "the next track is ..."."""
    setting: Setting | None
    steps: tuple[dict[str, Any], ...]
    """As in a config."""
    takes_seen_filter: bool = False
    """Whether `seen_filter` may change the picks of its own steps."""

    @property
    def seen_filter(self) -> bool:
        """Whether its own steps skip what the session has seen."""
        return parse_steps(self.steps)[0].pick not in ("best", "any")

    def chain(self, name: str = "", *, seen_filter: bool | None = None) -> tuple[Step, ...]:
        """Its steps over the list of this name; None keeps the preset's own picks."""
        steps = with_keys(parse_steps(self.steps), {_OWN: _OWNERS[self.setting]})
        steps = tuple(step._replace(name=name) if step.name == _OWN else step for step in steps)
        if seen_filter in (None, self.seen_filter):
            return steps
        return set_seen_filter(steps, bool(seen_filter))


PRESETS: dict[str, Preset] = {
    "random": Preset("uniform over the catalog", None, (_RANDOM,), takes_seen_filter=True),
    "random_unseen": Preset("uniform over the unseen tracks of the catalog", None, (_UNSEEN,)),
    "top_pop": Preset(
        "uniform over the 100 most popular tracks",
        None,
        ({"list": "top_tracks", "pick": "any"}, _RANDOM),
        takes_seen_filter=True,
    ),
    "top_pop_unseen": Preset(
        "uniform over the unseen ones of the 100 most popular tracks; then random_unseen",
        None,
        ({"list": "top_tracks", "pick": "unseen"}, _UNSEEN),
    ),
    "sticky_artist": Preset(
        "uniform over the tracks of the last track's artist",
        None,
        ({"artist": "last_track", "pick": "any"}, _RANDOM),
        takes_seen_filter=True,
    ),
    "sticky_artist_unseen": Preset(
        "uniform over the unseen tracks of the last track's artist; then random_unseen",
        None,
        ({"artist": "last_track", "pick": "unseen"}, _UNSEEN),
    ),
    "sticky_artist_mixed": Preset(
        f"after a skip (less than {SKIP_BELOW:g} heard) as random, else as sticky_artist",
        None,
        ({"artist": "last_track", "pick": "any", "time_from": SKIP_BELOW}, _RANDOM),
    ),
    "contextual": Preset(
        "uniform over the up to 100 neighbours of the last track; random where it has none",
        "neighbours",
        ({"list": _OWN, "key": "last_track", "pick": "any"}, _RANDOM),
        takes_seen_filter=True,
    ),
    "similar": Preset(
        "the first unseen neighbour of the last track; then the first unseen popular track; "
        "then random_unseen",
        "neighbours",
        ({"list": _OWN, "key": "last_track", "pick": "first"}, _POPULAR, _UNSEEN),
        takes_seen_filter=True,
    ),
    "i2i": Preset(
        "the first unseen neighbour of one of the session's last 10 plays, drawn by the time "
        "that each was heard; then the first unseen popular track; then random_unseen",
        "neighbours",
        ({"list": _OWN, "key": "listened_track", "pick": "first"}, _POPULAR, _UNSEEN),
    ),
    "indexed": Preset(
        "the first unseen track of the user's list; then the first unseen popular track; "
        "then random_unseen",
        "list",
        ({"list": _OWN, "key": "user", "pick": "first"}, _POPULAR, _UNSEEN),
        takes_seen_filter=True,
    ),
    "indexed_random": Preset(
        "uniform over the unseen tracks of the user's list; then the first unseen popular track; "
        "then random_unseen",
        "list",
        ({"list": _OWN, "key": "user", "pick": "unseen"}, _POPULAR, _UNSEEN),
    ),
    "sequential": Preset(
        "the first unseen track after the last track's place in the user's list, or of the whole "
        "list if the last track is not in it; then the first unseen popular track; then "
        "random_unseen",
        "list",
        ({"list": _OWN, "key": "user", "pick": "next"}, _POPULAR, _UNSEEN),
    ),
}
"""By type. RANDOM, TOP_POP, STICKY_ARTIST, CONTEXTUAL and Indexed mean what the protocol says."""
