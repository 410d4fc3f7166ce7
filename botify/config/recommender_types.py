"""`recommenders`: what the settings of all types have in common, and the types there are.

A type is a class with its settings inside, `Config`, offered as an entry point of the group
`botify.recommenders`, under the name that `type` has in the config; the built-in ones too.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializeAsAny,
    StrictBool,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from botify.config.settings import Name, Settings
from botify.errors import InputError
from contract.chain_config import MAX_EXCLUDED
from contract.chains import Owner
from contract.factor_stores import parse_store
from contract.plugins import PluginError, Plugins

_log = logging.getLogger("botify.recommenders")


class Reference(NamedTuple):
    """Marks a setting that names an entry of another part of the config."""

    section: Literal["lists", "neighbours", "models", "rankers"]


def _store(url: str) -> str:
    """Raises ValueError (a FormatError) that shows no password."""
    parse_store(url)
    return url


ListName = Annotated[Name, Reference("lists")]
NeighboursName = Annotated[Name, Reference("neighbours")]
ModelName = Annotated[Name, Reference("models")]
StoreUrl = Annotated[str, AfterValidator(_store)]
"""Of a store of factors: `contract.factor_stores`."""


class Referring(Settings):
    """Settings some of which name entries of other parts of the config."""

    type: str
    """The name of the entry point of a recommender."""
    _written: dict[str, Any] | None = PrivateAttr(None)

    @property
    def written(self) -> dict[str, Any]:
        """The entry as the config has it: its type reads that again, but maybe not a dump."""
        return self.model_dump(mode="json") if self._written is None else self._written

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Setting, section and name of each entry of the config that this one needs.

        By the marks of settings, such as `list: ListName`.
        """
        for setting, field in type(self).model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, Reference):
                    yield setting, mark.section, getattr(self, setting)


class RecommenderConfig(Referring):
    """The settings of a recommender; a type adds its own."""

    seen_filter: StrictBool = True
    """Whether its own tracks must not have been seen (played or offered) in the session; those it
    falls back to never have."""
    exclude: tuple[int, ...] = Field(default=(), max_length=MAX_EXCLUDED)
    """Tracks that neither it nor what it falls back to offers."""

    def check_lists(self, owners: Mapping[str, Owner]) -> None:
        """Raise ValueError for a list that `references` cannot tell to be wrong.

        `owners`: what each list of the config has a list for.
        """

    @field_validator("exclude", mode="before")
    @classmethod
    def _integers(cls, value: object) -> object:
        if not isinstance(value, list | tuple) or any(type(track) is not int for track in value):
            raise ValueError("must be a list of track ids")
        return value


class ItemRecommenderConfig(Referring):
    """The settings of a recommender of the shop face; a type adds its own."""


class RatingRecommenderConfig(Referring):
    """The settings of a recommender of the ratings face; a type adds its own.

    Each reads one publication of factors: `store` has both of its sides, or `users` and `items`
    have one each. A URL may hold a password, so messages do not show it.
    """

    store: StoreUrl | None = None
    users: StoreUrl | None = None
    items: StoreUrl | None = None

    @model_validator(mode="after")
    def _both_sides(self) -> "RatingRecommenderConfig":
        both = self.users is not None and self.items is not None
        if both if self.store is None else self.users is None and self.items is None:
            return self
        raise ValueError("name `store`, or both `users` and `items`: file:DIR, redis://...")

    @property
    def sides(self) -> tuple[str, str]:
        """The stores of users and of items."""
        return self.users or self.store or "", self.items or self.store or ""


def _check(base: str, settings_base: type[Referring]) -> Callable[[Any], str | None]:
    def wrong_with(found: Any) -> str | None:
        """What is wrong with the object of an entry point; None for a type of recommender."""
        settings = getattr(found, "Config", None)
        if not isinstance(found, type) or not callable(getattr(found, "from_config", None)):
            return f"it is not a subclass of {base}"
        if not isinstance(settings, type) or not issubclass(settings, settings_base):
            return f"its Config is not a subclass of botify.config.{settings_base.__name__}"
        return None

    return wrong_with


RECOMMENDERS = Plugins(
    "botify.recommenders",
    "type of recommender",
    _check("botify.recommenders.Recommender", RecommenderConfig),
)
"""The types of recommender of the music face."""
ITEM_RECOMMENDERS = Plugins(
    "botify.item_recommenders",
    "type of recommender",
    _check("botify.shop.recommenders.ItemRecommender", ItemRecommenderConfig),
)
"""Those of the shop face."""
RATING_RECOMMENDERS = Plugins(
    "botify.rating_recommenders",
    "type of recommender",
    _check("botify.ratings.recommenders.RatingRecommender", RatingRecommenderConfig),
)
"""Those of the ratings face."""


def recommender_types_of(face: str) -> Plugins:
    """The types of recommender of a face."""
    return {"shop": ITEM_RECOMMENDERS, "ratings": RATING_RECOMMENDERS}.get(face, RECOMMENDERS)


_Made = TypeVar("_Made")


def made_of(entry: Referring, name: str, make: Callable[[], _Made]) -> _Made:
    """The recommender that `make` makes of an entry of the config.

    Raises InputError that names the entry, whatever the code of a plug-in raises.
    """
    try:
        return make()
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        _log.exception("the recommender %s cannot be made", name)
        raise InputError(f"recommenders.{name}: {_reason(entry.type, error)}") from error


def _reason(kind: str, error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"the type {kind!r} fails with these settings: {type(error).__name__}: {text}"


def _by_type(types: Plugins) -> BeforeValidator:
    def settings_of(value: object) -> object:
        """The settings as the Config of the type that they name."""
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            return value  # refused as such
        try:
            settings: type[Referring] = types.get(value["type"]).Config
        except PluginError as error:
            why = {"why": str(error)}
            raise PydanticCustomError("type_of_recommender", "{why}", why) from error
        try:
            read = settings.model_validate(value)
        except ValidationError:
            raise
        except (Exception, SystemExit) as error:  # of a plug-in's own checks
            why = {"why": _reason(value["type"], error)}
            raise PydanticCustomError("settings_of_recommender", "{why}", why) from error
        read._written = value
        return read

    return BeforeValidator(settings_of)


AnyRecommenderConfig = Annotated[SerializeAsAny[RecommenderConfig], _by_type(RECOMMENDERS)]
"""The settings of a recommender, by its `type`."""
AnyItemRecommenderConfig = Annotated[
    SerializeAsAny[ItemRecommenderConfig], _by_type(ITEM_RECOMMENDERS)
]
"""Those of one of the shop face."""
AnyRatingRecommenderConfig = Annotated[
    SerializeAsAny[RatingRecommenderConfig], _by_type(RATING_RECOMMENDERS)
]
"""Those of one of the ratings face."""
