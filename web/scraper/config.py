"""What is scraped, how fast, and where on a page each thing stands: one YAML file."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import yaml
from parsel import Selector
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class ConfigError(ValueError):
    """A file that cannot be used; says what to change."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Selectors(_Strict):
    @field_validator("*")
    @classmethod
    def _is_css(cls, selector: object) -> object:
        if isinstance(selector, str):
            try:
                Selector("<p>").css(selector)
            except Exception as error:
                raise ValueError(f"{selector!r} is no CSS selector: {error}") from error
        return selector


class Search(_Selectors):
    """Selectors of a page of results; `::attr(href)` gives an address, `::text` a text."""

    product: str
    """Links to products."""
    next: str | None = None
    """Link to the next page of results."""


class Product(_Selectors):
    """Selectors of a product's page."""

    id: str
    title: str
    description: str | None = None
    price: str | None = None
    images: str | None = None
    rating: str | None = None
    reviews_count: str | None = None
    tags: str | None = None
    variants: str | None = None
    """Links to variants, whose pages are like the product's."""
    reviews: str | None = None
    """Link to the first page of reviews."""


class Reviews(_Selectors):
    """Selectors of a page of reviews; user, rating and message are within `each`."""

    each: str
    user: str
    rating: str
    message: str | None = None
    next: str | None = None


class Config(_Strict):
    """The file; an unknown key stops the start."""

    start: str
    """Address of the first page of results. No other host is asked."""
    agent: str
    """What the scraper calls itself, with an address of yours for complaints."""
    delay: float = Field(default=2.0, gt=0)
    """Least seconds between two requests; more where robots.txt or a slow site asks for it."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds to wait for an answer."""
    tries: int = Field(default=5, ge=1)
    """Times that a page is asked for while the site says 429 or 503, then the run stops."""
    longest_wait: float = Field(default=600.0, gt=0)
    """Most seconds to wait when the site asks for it; past that the run stops."""
    products: int = Field(default=1000, ge=1)
    """At most, variants not counted."""
    review_pages: int = Field(default=10, ge=0)
    """At most, of one product."""
    search: Search
    product: Product
    reviews: Reviews | None = None

    @field_validator("start")
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address that begins with http:// or https://")
        return url

    @field_validator("agent")
    @classmethod
    def _has_contact(cls, agent: str) -> str:
        if not agent.isprintable() or not ("@" in agent or "http" in agent):
            raise ValueError("expected a name and an e-mail or web address of yours in one line")
        if agent.lower().startswith("mozilla"):
            raise ValueError("the scraper does not pretend to be a browser")
        return agent

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file. Raises ConfigError, which names the file and the key."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "the file"
            raise ConfigError(f"{path}: {key}: {first['msg']}") from error
