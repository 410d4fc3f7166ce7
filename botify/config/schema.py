"""The settings of the music face, with its checks."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from botify.config.recommender_types import AnyRecommenderConfig
from botify.config.service import ListFile, ServiceConfig
from botify.config.settings import Name

TOP_TRACKS = "top_tracks"
"""Name of the list of popular tracks, besides the configured names."""


class Config(ServiceConfig):
    """All settings of the music face."""

    face: Literal["music"] = "music"
    data_dir: Path = Path("out/demo")
    port: int = Field(default=5001, ge=0, le=65535)
    log_dir: Path = Path("log")
    session_ttl: int = Field(default=21600, ge=1, le=31_536_000)
    seed: int | None = None
    catalog: Path = Path("world/tracks.json")
    top_tracks: Path = Path("lists/top_tracks.json")
    models: dict[Name, Path] = Field(default_factory=dict)
    recommenders: dict[Name, AnyRecommenderConfig] = Field(min_length=1)

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
