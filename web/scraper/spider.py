"""The spider: one page after another, from the table of pages, until none is waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import scrapy
from scrapy.http import Response, TextResponse
from twisted.python.failure import Failure

from . import reading
from .config import Config
from .pages import Page, Pages
from .robots import Robots

REDIRECTS = 5
LATER = (429, 503)
UNREADABLE, OF_LEAST = 0.2, 5
"""A share of pages that could not be read, of so many at least, that stops the run."""


class PoliteSpider(scrapy.Spider):
    """Search pages, their products, variants and reviews; one request at a time."""

    name = "polite"
    custom_settings = None

    def __init__(self, config: Config, robots: Robots, pages: Pages, out: Path) -> None:
        super().__init__()
        self.config, self.robots, self.pages, self.out = config, robots, pages, out
        self.delay = max(config.delay, robots.delay)
        self.host = urlsplit(config.start).netloc
        self.stopped: str | None = None
        """Why the run ended before its work."""
        self.read, self.unreadable = 0, 0

    async def start(self) -> AsyncIterator[Any]:
        """The first request, a delay after that for robots.txt."""
        self._add(Page(self.config.start, "search", None, 1))
        await asyncio.sleep(self.delay)
        for request in self._next():
            yield request

    def _next(self) -> list[scrapy.Request]:
        self.pages.write_whole(self.out)
        page = None if self.stopped else self.pages.next()
        if page is None:
            return []
        meta = {"page": page, "handle_httpstatus_all": True, "dont_retry": True}
        return [
            scrapy.Request(
                page.url, self.answered, errback=self.failed, meta=meta, dont_filter=True
            )
        ]

    def _add(self, page: Page) -> None:
        url = urldefrag(page.url).url
        if urlsplit(url).netloc != self.host or urlsplit(url).scheme not in ("http", "https"):
            return
        allowed = self.robots.allows(url)
        self.pages.add(page._replace(url=url), "waiting" if allowed else "disallowed")

    async def answered(self, response: Response) -> AsyncIterator[Any]:
        """Take note of an answer, whatever it is, and ask for the next page."""
        page: Page = response.meta["page"]
        if response.status in LATER:
            await self._wait(page, response)
        else:
            self.pages.done(page.url, self._state(page, response))
        for request in self._next():
            yield request

    def failed(self, failure: Failure) -> list[scrapy.Request]:
        """No answer at all."""
        page: Page = failure.request.meta["page"]  # type: ignore[attr-defined]
        self.pages.again(page.url)
        if page.tries + 1 >= self.config.tries:
            self.stopped = f"{page.url}: {failure.getErrorMessage()}"
        return self._next()

    async def _wait(self, page: Page, response: Response) -> None:
        self.pages.again(page.url)
        asked = seconds_of(response.headers.get("Retry-After"))
        seconds = max(asked, self.delay * 2 ** (page.tries + 1))
        if page.tries + 1 >= self.config.tries or seconds > self.config.longest_wait:
            self.stopped = (
                f"{page.url}: answered {response.status} {page.tries + 1} times, and asked for "
                f"{asked:.0f} s: run again later"
            )
            return
        self.logger.info("answered %d: waiting %.1f s", response.status, seconds)
        await asyncio.sleep(seconds)

    def _state(self, page: Page, response: Response) -> str:
        status = response.status
        if 300 <= status < 400:
            return self._redirected(page, response)
        if status != 200:
            return "gone" if status in (404, 410) else f"answered {status}"
        self.read += 1
        try:
            if not isinstance(response, TextResponse):
                raise reading.UnreadableError("it is no text")
            self._take(page, response)
        except reading.UnreadableError as error:
            self.logger.warning("%s: %s", page.url, error)
            self.unreadable += 1
            if self.read >= OF_LEAST and self.unreadable > UNREADABLE * self.read:
                self.stopped = (
                    f"{self.unreadable} of {self.read} pages lack what the selectors look for, "
                    f"the last {page.url} ({error}): correct them, and use a new directory"
                )
            return "unreadable"
        return "done"

    def _redirected(self, page: Page, response: Response) -> str:
        to = urljoin(response.url, (response.headers.get("Location") or b"").decode("latin-1"))
        if page.hops >= REDIRECTS:
            return "too many redirects"
        self._add(page._replace(url=to, hops=page.hops + 1))
        return "redirected"

    def _take(self, page: Page, response: TextResponse) -> None:
        config, selector = self.config, response.selector
        if page.kind == "search":
            found = reading.links(selector, config.search.product)
            if not found:
                raise reading.UnreadableError("there is no product")
            room = config.products - self.pages.count("product")
            for link in found[: max(room, 0)]:
                self._add(Page(response.urljoin(link), "product", None, 0))
            if room > len(found):
                for link in reading.links(selector, config.search.next)[:1]:
                    self._add(Page(response.urljoin(link), "search", None, page.number + 1))
        elif page.kind == "reviews":
            assert config.reviews is not None
            said = reading.reviews(selector, config.reviews)
            self.pages.add_reviews(page, said)
            if page.number < config.review_pages:
                for link in reading.links(selector, config.reviews.next)[:1]:
                    self._add(
                        Page(response.urljoin(link), "reviews", page.product, page.number + 1)
                    )
        else:
            self._take_product(page, response)

    def _take_product(self, page: Page, response: TextResponse) -> None:
        config, selector = self.config, response.selector
        id_, said = reading.product(selector, config.product)
        if not self.pages.add_product(id_, page, said):
            return
        if page.kind == "product":
            for link in reading.links(selector, config.product.variants):
                self._add(Page(response.urljoin(link), "variant", id_, 0))
        if config.reviews is not None and config.review_pages:
            for link in reading.links(selector, config.product.reviews)[:1]:
                self._add(Page(response.urljoin(link), "reviews", id_, 1))


def seconds_of(retry_after: bytes | None) -> float:
    """Of a Retry-After: seconds, or a date. 0 where there is none, or none that can be read."""
    text = (retry_after or b"").decode("latin-1").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0
