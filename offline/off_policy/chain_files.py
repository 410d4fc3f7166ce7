"""Reads the chains of a service's config, with the files of their lists, as target policies."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from contract.catalog import artist_numbers
from contract.chain_config import NamedChain, data_dir_of, read_chain_config
from contract.chains import Owner, list_names
from contract.errors import FormatError
from contract.nearest import unknown_name
from offline.data.catalog import read_tracks
from offline.errors import InputError, check_regular
from offline.off_policy.chain_target import ChainTarget, Music
from offline.off_policy.decisions import Decisions
from offline.off_policy.policy_files import read_lists, read_neighbours, read_top_tracks

_CATALOG = "world/tracks.json"


class Chains(NamedTuple):
    """The chains to estimate."""

    chains: dict[str, NamedChain]
    """By name."""
    music: Music
    notes: tuple[str, ...]
    """What was left out, and why."""


def read_chains(
    path: Path, names: Sequence[str], data_dir: Path | None, catalog: Path | None
) -> Chains:
    """The chains of these names, or all, of a config. Raises InputError.

    `data_dir` and `catalog` replace those of the config, of which the first is relative to the
    working directory, or to the folder of the config, or to the one above it.
    """
    check_regular(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        config = read_chain_config(content)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except FormatError as error:
        raise InputError(f"{path}: {error}") from error
    for name in names:
        if name not in config.chains:
            message = unknown_name("recommender that is a chain", name, config.chains)
            raise InputError(f"{path}: {message}")
    chosen = {name: config.chains[name] for name in names or config.chains}
    if not chosen:
        raise InputError(f"{path}: no recommender in it is a chain of lists")
    if data_dir is None:
        data_dir = data_dir_of(content, path)
    needed = dict.fromkeys(name for each in chosen.values() for name in list_names(each.steps))
    lists = {
        name: _read(data_dir / config.files[name], config.owners.get(name, "everyone"))
        for name in needed
    }
    notes = (
        []
        if names
        else [
            f"{name} is not estimated: it is of the type {kind}, no chain"
            for name, kind in config.others.items()
        ]
    )
    place = catalog or data_dir / (content.get("catalog") or _CATALOG)
    artist_of = None
    if catalog is not None or place.is_file():
        artist_of = artist_numbers(track.artist for track in read_tracks(place))
    else:
        notes.append(f"{place} is not there: decisions that draw from the catalog are left out")
    return Chains(chosen, Music(lists, artist_of), tuple(notes))


def chain_targets(chains: Chains, log: Decisions) -> list[ChainTarget]:
    """The chains next to the decisions of a log. Raises InputError."""
    return [
        ChainTarget(name, chain.steps, chains.music, log, chain.exclude)
        for name, chain in chains.chains.items()
    ]


def _read(path: Path, owner: Owner) -> dict[str, Sequence[int]]:
    if owner == "user":
        return {**read_lists(path)}
    if owner == "track":
        return {**read_neighbours(path)}
    return {"": read_top_tracks(path)}
