"""The recommenders of a service's config that are chains, played in process."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from contract.chain_config import ChainConfig, NamedChain, data_dir_of, read_chain_config
from contract.chains import Owner, list_names
from contract.errors import FormatError
from contract.nearest import unknown_name
from sim.agents.chain import Chain, Padded
from sim.agents.lists import read_neighbours, read_recommendations, read_top_tracks
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World

_READERS = {
    "user": read_recommendations,
    "track": read_neighbours,
    "everyone": read_top_tracks,
}


@dataclass(frozen=True)
class ServiceChains:
    """The chains of a config, with the files of their lists."""

    path: Path
    """The config."""
    data_dir: Path
    config: ChainConfig

    @property
    def names(self) -> tuple[str, ...]:
        """The recommenders that can be played in process."""
        return tuple(self.config.chains)

    def chain(self, name: str) -> NamedChain:
        """Its steps. Raises InputError for a name that is no chain of the config."""
        if name in self.config.others:
            raise InputError(
                f"{self.path}: {name} is of the type {self.config.others[name]}, which only a "
                "service plays"
            )
        if name not in self.config.chains:
            message = unknown_name("recommender", name, self.names)
            raise InputError(f"{self.path}: {message}")
        return self.config.chains[name]

    def files_of(self, name: str) -> dict[str, Path]:
        """The files of the lists that it reads, by list. Raises InputError."""
        chain = self.chain(name)
        return {one: self.data_dir / self.config.files[one] for one in list_names(chain.steps)}

    def make(self, name: str, world: World, streams: Streams) -> Chain:
        """The agent. Raises InputError for files and tracks that do not fit the world."""
        chain = self.chain(name)
        lists = {one: self._read(one, path, world) for one, path in self.files_of(name).items()}
        unknown = [track for track in chain.exclude if not 0 <= track < len(world.catalog)]
        if unknown or len({*chain.exclude}) == len(world.catalog):
            raise InputError(
                f"{self.path}: recommenders.{name}.exclude: "
                + (
                    f"track {unknown[0]} is not in this world"
                    if unknown
                    else "all tracks of this world"
                )
            )
        return Chain(name, chain.steps, streams, lists, chain.exclude)

    def _read(self, name: str, path: Path, world: World) -> Padded:
        owner: Owner = self.config.owners.get(name, "everyone")
        return np.atleast_2d(_READERS[owner](path, world))


def load_service_chains(path: Path, data_dir: Path | None = None) -> ServiceChains:
    """The chains of a config. Raises InputError that names file and key.

    `data_dir` replaces the one of the config, which is relative to the working directory, or to
    the folder of the config, or to the one above it.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        config = read_chain_config(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except FormatError as error:
        raise InputError(f"{path}: {error}") from error
    if data_dir is None:
        data_dir = data_dir_of(content, path)
    return ServiceChains(path, data_dir, config)
