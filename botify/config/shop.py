"""The settings of the shop face, with its checks."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from botify.config.recommender_types import AnyItemRecommenderConfig
from botify.config.service import ListFile, ServiceConfig, check_known
from botify.config.settings import Name, Settings
from contract.files import ITEMS, NEIGHBOURS, POPULAR, RECOMMENDATIONS
from contract.shop_events import KINDS

ITEM_LIST = "items"
"""Name of the items themselves, which are loaded as lists are, besides the configured names."""
POPULAR_LIST = "popular"
"""Name of the list of popular items."""


class EventsConfig(Settings):
    """What visitors do: which kinds there are, and what is kept of it."""

    kinds: list[Name] = Field(default_factory=list)
    """Kinds of event besides those that every shop has (`contract.shop_events.KINDS`)."""
    not_recent: list[Name] = Field(default_factory=lambda: ["impression"])
    """Kinds that are logged, but are none of the last events of a visitor."""
    recent: int = Field(default=50, ge=1, le=1000)
    """How many of the last events of each visitor are kept in Redis ..."""
    ttl: int = Field(default=30 * 86400, ge=60)
    """... for so many seconds after the last of them."""
    history: list[Path] = Field(default_factory=list)
    """Directories with events from before, as `botify-offline import --events` writes them; they
    are read at the start, as the log is."""
    recover: int = Field(default=1_000_000, ge=0)
    """How many events, the newest ones, are read from the log into a Redis that has lost them."""

    @property
    def all_kinds(self) -> tuple[str, ...]:
        """Of events that are taken."""
        return tuple(dict.fromkeys((*KINDS, *self.kinds)))

    @model_validator(mode="after")
    def _known_kinds(self) -> "EventsConfig":
        for kind in self.not_recent:
            check_known("not_recent", kind, "the kinds", dict.fromkeys(self.all_kinds))
        return self


class RulesConfig(Settings):
    """What every answer keeps to, whatever recommender it is from."""

    bought_days: float = Field(default=30.0, ge=0, le=36_500)
    """What the visitor bought in the last so many days is not answered."""
    max_per_category: int | None = Field(default=None, ge=1)
    """The most items of one category."""
    categories: Path | None = None
    """A CSV file with two columns, a category and the one above it."""


class ShopConfig(ServiceConfig):
    """All settings of the shop face."""

    face: Literal["shop"]
    port: int = Field(default=8000, ge=0, le=65535)
    log_dir: Path = Path("log-shop")
    items: Path = Path(ITEMS)
    popular: Path = Path(POPULAR)
    rankers: dict[Name, Path] = Field(default_factory=dict)
    """Files of rankers, as `botify-offline train-ranker` writes them, relative to `data_dir`."""
    similar: Name | None = None
    """The neighbours that `GET /similar/<item>` answers; none if it is absent."""
    events: EventsConfig = EventsConfig()
    api_keys: Path | None = None
    """A file with the keys, one a line, of which routes that write want one. BOTIFY_API_KEYS in
    the environment, with commas between them, has further ones. Without any, they want none."""
    rules: RulesConfig = RulesConfig()
    shadow: Name | None = None
    """A recommender whose answers are computed and logged as well, and not shown."""
    recommenders: dict[Name, AnyItemRecommenderConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_names(self) -> "ShopConfig":
        if self.similar is not None:
            check_known("similar", self.similar, "neighbours", self.neighbours)
        if self.shadow is not None:
            check_known("shadow", self.shadow, "recommenders", self.recommenders)
        return self

    @property
    def list_names(self) -> list[str]:
        """Of all lists, of the items, and of rankers."""
        return [ITEM_LIST, POPULAR_LIST, *self.lists, *self.neighbours, *self.rankers]

    @property
    def list_files(self) -> dict[str, ListFile]:
        """Files of the items and of all lists, by name; first the items, that lists name."""
        files = {
            ITEM_LIST: ListFile(file=self.items),
            POPULAR_LIST: ListFile(file=self.popular),
            **self.lists,
            **self.neighbours,
        }
        return {
            name: ListFile(file=self.data_dir / of.file, length=of.length)
            for name, of in files.items()
        }

    @property
    def ranker_files(self) -> dict[str, Path]:
        """Files of all rankers, by name."""
        return {name: self.data_dir / path for name, path in self.rankers.items()}


def shop_defaults(data_dir: Path) -> dict[str, Any]:
    """A config for what a directory has: its lists of users and neighbours, where it has them."""
    config: dict[str, Any] = {"face": "shop", "recommenders": {"popular": {"type": "popular"}}}
    config["default"] = "popular"
    blend = {"type": "blend"}
    if (data_dir / NEIGHBOURS).exists():
        blend["neighbours"] = "neighbours"
        config |= {"neighbours": {"neighbours": NEIGHBOURS}, "similar": "neighbours"}
        config["recommenders"]["similar"] = {"type": "similar_items", "neighbours": "neighbours"}
    if (data_dir / RECOMMENDATIONS).exists():
        config["lists"] = {"recommendations": RECOMMENDATIONS}
        config["recommenders"]["for_you"] = {"type": "user_list", "list": "recommendations"}
        blend["list"] = "recommendations"
    if len(blend) > 1:
        config["recommenders"]["blend"] = blend
        config["default"] = "blend"
    return config
