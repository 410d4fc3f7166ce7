"""`recommenders`: what the settings of all types have in common, and the types there are.

A type is a class with its settings inside, `Config`, offered as an entry point of the group
`botify.recommenders`, under the name that `type` has in the config; the built-in ones too.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, SerializeAsAny, field_validator
from pydantic_core import PydanticCustomError

from botify.config.settings import Name, Settings
from contract.chains import Owner
from contract.plugins import PluginError, Plugins

MAX_EXCLUDED = 1000
"""Tracks that one recommender or one request may exclude; each request sends them to Redis."""


class Reference(NamedTuple):
    """Marks a setting that names an entry of another part of the config."""

    section: Literal["lists", "neighbours", "models"]


ListName = Annotated[Name, Reference("lists")]
NeighboursName = Annotated[Name, Reference("neighbours")]
ModelName = Annotated[Name, Reference("models")]


class RecommenderConfig(Settings):
    """The settings of a recommender; a type adds its own."""

    type: str
    """The name of its entry point."""
    seen_filter: bool = True
    """Whether its own tracks must not have been seen (played or offered) in the session; those it
    falls back to never have."""
    exclude: tuple[int, ...] = Field(default=(), max_length=MAX_EXCLUDED)
    """Tracks that neither it nor what it falls back to offers."""

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Setting, section and name of each entry of the config that this one needs.

        By the marks of settings, such as `list: ListName`.
        """
        for setting, field in type(self).model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, Reference):
                    yield setting, mark.section, getattr(self, setting)

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


def _wrong_with(found: Any) -> str | None:
    """What is wrong with the object of an entry point; None for a type of recommender."""
    settings = getattr(found, "Config", None)
    if not isinstance(found, type) or not callable(getattr(found, "from_config", None)):
        return "it is not a subclass of botify.recommenders.Recommender"
    if not isinstance(settings, type) or not issubclass(settings, RecommenderConfig):
        return "its Config is not a subclass of botify.recommenders.RecommenderConfig"
    return None


RECOMMENDERS = Plugins("botify.recommenders", "type of recommender", _wrong_with)
"""The types of recommender."""


def _of_its_type(value: object) -> object:
    """The settings as the Config of the type that they name."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return value  # refused as such
    try:
        settings: type[RecommenderConfig] = RECOMMENDERS.get(value["type"]).Config
    except PluginError as error:
        raise PydanticCustomError("type_of_recommender", "{why}", {"why": str(error)}) from error
    return settings.model_validate(value)


AnyRecommenderConfig = Annotated[SerializeAsAny[RecommenderConfig], BeforeValidator(_of_its_type)]
"""The settings of a recommender, by its `type`."""
