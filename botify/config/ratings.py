"""The settings of the ratings face, with its checks."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from botify.config.recommender_types import AnyRatingRecommenderConfig
from botify.config.service import ListFile, ServiceConfig
from botify.config.settings import Name


class RatingsConfig(ServiceConfig):
    """All settings of the ratings face; it needs no Redis and has no lists."""

    face: Literal["ratings"]
    data_dir: Path = Path("out/ratings")
    port: int = Field(default=5000, ge=0, le=65535)
    log_dir: Path = Path("log-ratings")
    store_timeout: float = Field(default=1.0, gt=0, le=60)
    """Seconds that a request waits for a store of factors."""
    recommenders: dict[Name, AnyRatingRecommenderConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_lists(self) -> "RatingsConfig":
        for key in ("lists", "neighbours", "redis_maxmemory", "watch_lists"):
            if getattr(self, key):
                raise ValueError(
                    f"{key}: the ratings face has none; its recommenders name stores of factors"
                )
        return self

    @property
    def list_names(self) -> list[str]:
        """None."""
        return []

    @property
    def list_files(self) -> dict[str, ListFile]:
        """None."""
        return {}

    def store_url(self, url: str) -> str:
        """A store as a recommender names it; `file:` paths are relative to `data_dir`."""
        scheme, _, path = url.partition(":")
        if scheme != "file":
            return url
        return f"file:{self.data_dir / path.removeprefix('//')}"
