"""robots.txt, read before anything else; what cannot be read allows nothing."""

import urllib.error
import urllib.request
from typing import NamedTuple
from urllib.parse import urlsplit

from protego import Protego

_MOST = 512 * 1024
"""Bytes that are read, as RFC 9309 asks at least."""


class RobotsError(RuntimeError):
    """The site does not say now what it allows."""


class Robots(NamedTuple):
    """What a site allows the scraper."""

    rules: Protego
    agent: str

    def allows(self, url: str) -> bool:
        """Whether the page may be asked for."""
        return bool(self.rules.can_fetch(url, self.agent))

    @property
    def delay(self) -> float:
        """Seconds between requests that the site asks for (Crawl-delay); 0: it does not say."""
        return float(self.rules.crawl_delay(self.agent) or 0)


def read_robots(start: str, agent: str, timeout: float) -> Robots:
    """The robots.txt of the host of `start`.

    A site without one (404 and the like) allows everything. Raises RobotsError for an answer of
    401, 403, 429 or 5xx, and for none: RFC 9309 (2.3.1.4) takes errors of a server for a complete
    disallow, and whoever refuses robots.txt does not want a scraper either.
    """
    parts = urlsplit(start)
    url = f"{parts.scheme}://{parts.netloc}/robots.txt"
    request = urllib.request.Request(url, headers={"User-Agent": agent})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            text = answer.read(_MOST).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403, 429) or error.code >= 500:
            raise RobotsError(f"{url}: answered {error.code}: nothing is asked for") from error
        text = ""
    except OSError as error:
        raise RobotsError(f"{url}: {error}: nothing is asked for") from error
    return Robots(Protego.parse(text), agent)
