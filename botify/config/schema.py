"""The settings of the music face, with its checks."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from botify.config.recommender_types import AnyRecommenderConfig
from botify.config.service import ListFile, ServiceConfig
from botify.config.settings import Name
from contract.chain_config import TOP_TRACKS_FILE
from contract.chains import TOP_TRACKS, Owner


class Config(ServiceConfig):
    """All settings of the music face."""

    face: Literal["music"] = "music"
    data_dir: Path = Path("out/demo")
    port: int = Field(default=5001, ge=0, le=65535)
    log_dir: Path = Path("log")
    session_ttl: int = Field(default=21600, ge=1, le=31_536_000)
    seed: int | None = None
    catalog: Path = Path("world/tracks.json")
    top_tracks: Path = Path(TOP_TRACKS_FILE)
    models: dict[Name, Path] = Field(default_factory=dict)
    recommenders: dict[Name, AnyRecommenderConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _chains(self) -> "Config":
        for name, recommender in self.recommenders.items():
            try:
                recommender.check_lists(self.list_owners)
            except ValueError as error:
                raise ValueError(f"recommenders.{name}.{error}") from error
        return self

    @property
    def list_owners(self) -> dict[str, Owner]:
        """What each list has a list for, by name."""
        owners: dict[str, Owner] = dict.fromkeys(self.lists, "user")
        return owners | dict.fromkeys(self.neighbours, "track")

    @property
    def catalog_path(self) -> Path:
        """tracks.json."""
        return self.data_dir / self.catalog

    @property
    def list_names(self) -> list[str]:
        """Of all lists and models."""
        return [*self.lists, *self.neighbours, *self.models, TOP_TRACKS]

    @property
    def list_files(self) -> dict[str, ListFile]:
        """Files of all lists, including neighbours and popular tracks, by name."""
        files = {**self.lists, **self.neighbours, TOP_TRACKS: ListFile(file=self.top_tracks)}
        return {
            name: ListFile(file=self.data_dir / of.file, length=of.length)
            for name, of in files.items()
        }

    @property
    def model_files(self) -> dict[str, Path]:
        """Files of all models, by name."""
        return {name: self.data_dir / path for name, path in self.models.items()}
