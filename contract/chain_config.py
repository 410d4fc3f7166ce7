"""The chains of a service's config, for programs that play or judge them without the service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from contract.chain_presets import PRESETS
from contract.chains import TOP_TRACKS, Owner, Step, parse_steps, with_keys
from contract.errors import FormatError
from contract.nearest import unknown_name

TOP_TRACKS_FILE = "lists/top_tracks.json"
"""Where the popular tracks are unless the config says otherwise."""

MAX_EXCLUDED = 1000
"""Tracks that one recommender or one request may exclude; each request sends them to Redis."""

_DATA_DIR = "out/demo"
"""Where the data are unless the config says otherwise."""

_SECTIONS: dict[str, Owner] = {"lists": "user", "neighbours": "track"}


class NamedChain(NamedTuple):
    """A recommender that is a chain."""

    steps: tuple[Step, ...]
    exclude: tuple[int, ...]
    """Tracks that no step offers."""


class ChainConfig(NamedTuple):
    """What a config says of recommenders that are chains."""

    chains: dict[str, NamedChain]
    """By name."""
    others: dict[str, str]
    """Types of the recommenders that are no chains, by name."""
    files: dict[str, str]
    """Paths of all lists by name, relative to the data directory."""
    owners: dict[str, Owner]
    """What each list has a list for."""


def read_chain_config(config: object) -> ChainConfig:
    """The chains of a parsed YAML file. Raises FormatError that names the key."""
    if not isinstance(config, dict):
        raise FormatError("expected keys and values, as in the config of the service")
    files, owners = _files(config)
    entries = config.get("recommenders")
    if not isinstance(entries, dict) or not entries:
        raise FormatError("`recommenders` must name at least one recommender")
    chains, others = {}, {}
    for name, entry in entries.items():
        try:
            kind = entry.get("type") if isinstance(entry, dict) else None
            if not isinstance(kind, str):
                raise FormatError("`type` is missing, as in {type: chain, steps: [...]}")
            if kind == "chain" or kind in PRESETS:
                chains[str(name)] = parse_entry(entry, owners)
            else:
                others[str(name)] = kind
        except FormatError as error:
            raise FormatError(f"recommenders.{name}: {error}") from None
    return ChainConfig(chains, others, files, owners)


def parse_entry(entry: Mapping[str, Any], owners: Mapping[str, Owner]) -> NamedChain:
    """A recommender of the type `chain` or of a preset. Raises FormatError."""
    preset = PRESETS.get(entry["type"])
    settings = ["type", "exclude"]
    if preset is None:
        settings.append("steps")
    else:
        settings += [preset.setting] if preset.setting else []
        settings += ["seen_filter"] if preset.takes_seen_filter else []
    for key in entry:
        if key not in settings:
            raise FormatError(unknown_name("key", key, settings))
    exclude = entry.get("exclude", ())
    if not isinstance(exclude, list | tuple) or any(type(track) is not int for track in exclude):
        raise FormatError("`exclude` must be a list of track ids")
    if len(exclude) > MAX_EXCLUDED:
        raise FormatError(
            f"`exclude` has {len(exclude):,} tracks: at most {MAX_EXCLUDED:,} may be"
        )
    if preset is None:
        steps = parse_steps(entry.get("steps"))
    else:
        name = entry.get(preset.setting) if preset.setting else ""
        if not isinstance(name, str):
            raise FormatError(f"`{preset.setting}` must be the name of a list")
        seen_filter = entry.get("seen_filter")
        if "seen_filter" in entry and not isinstance(seen_filter, bool):
            raise FormatError("`seen_filter` must be true or false")
        steps = preset.chain(name, seen_filter=seen_filter)
    return NamedChain(with_keys(steps, owners), tuple(exclude))


def _files(config: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Owner]]:
    """Path and owner of each list."""
    files: dict[str, str] = {TOP_TRACKS: str(config.get("top_tracks") or TOP_TRACKS_FILE)}
    owners: dict[str, Owner] = {}
    for section, owner in _SECTIONS.items():
        entries = config.get(section) or {}
        if not isinstance(entries, dict):
            raise FormatError(f"`{section}` must be names with files")
        for name, entry in entries.items():
            path = entry.get("file") if isinstance(entry, dict) else entry
            if not isinstance(path, str):
                raise FormatError(f"{section}.{name}: expected the path of a file")
            files[str(name)] = path
            owners[str(name)] = owner
    return files, owners


def data_dir_of(config: Mapping[str, Any], path: Path) -> Path:
    """The data directory of a service's config at `path`: the first of `data_places`."""
    named = Path(config.get("data_dir") or _DATA_DIR)
    return next(iter(data_places(named, path)), named)


def data_places(named: Path, config: Path) -> list[Path]:
    """Where the directory that a config names is; several where the name fits several.

    It is relative to the working directory, or to the folder of the config, or to the one above.
    """
    places = (named, config.parent / named, config.parent / ".." / named)
    return [place for place in places if place.is_dir()]
