"""A small shop on loopback that keeps an access log and may refuse, fail or redirect."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ROBOTS = "User-agent: *\nDisallow: /private\nCrawl-delay: 0.1\n"


@dataclass
class Site:
    """Pages by path, and what was asked for."""

    pages: dict[str, tuple[int, dict[str, str], str]] = field(default_factory=dict)
    refusals: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    """Answers to give first, by path."""
    log: list[tuple[float, str, str]] = field(default_factory=list)
    """When, path, User-Agent."""
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def page(self, path: str, body: str, status: int = 200, **headers: str) -> None:
        self.pages[path] = (status, headers, body)

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.log if path != "/robots.txt"]


def shop() -> Site:
    """Two pages of results, six products; the first has a variant, three pages of reviews."""
    site = Site()
    site.page("/robots.txt", ROBOTS)
    links = [f'<a class="product" href="/p/{n}">x</a>' for n in range(6)]
    links.append('<a class="product" href="/private/p">x</a>')
    links.append('<a class="product" href="http://elsewhere.test/p">x</a>')
    site.page("/search", "".join(links[:3]) + '<a class="next" href="/search2">next</a>')
    site.page("/search2", "".join(links[2:]) + '<a class="next" href="/search">round</a>')
    for n in range(6):
        more = '<a class="variant" href="/v/0">v</a>' if n == 0 else ""
        site.page(f"/p/{n}", _product(f"P{n}", more + f'<a class="reviews" href="/r/{n}/1">r</a>'))
        for number in range(1, 4 if n == 0 else 2):
            following = f'<a class="next" href="/r/{n}/{number + 1}">n</a>' if n == 0 else ""
            site.page(f"/r/{n}/{number}", _review(f"user {number}") + following)
    site.page("/v/0", _product("P0-red", '<a class="reviews" href="/r/0/1">r</a>'))
    return site


def _product(id_: str, links: str) -> str:
    return (
        f'<main data-id="{id_}"><h1>Shoe {id_}</h1><i class="price">$1,234.50</i>'
        f'<i class="stars">4.5 out of 5</i><i class="count">1,203 ratings</i>{links}</main>'
    )


def _review(user: str) -> str:
    return f'<div class="review"><b class="user">{user}</b><i class="stars">4</i><p>ok</p></div>'


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            with site.lock:
                site.log.append((time.monotonic(), path, self.headers["User-Agent"]))
                site.at_once += 1
                site.most_at_once = max(site.most_at_once, site.at_once)
                waiting = site.refusals.get(path)
                first = waiting.pop(0) if waiting else None
            status, headers, body = site.pages.get(path, (404, {}, "not here"))
            if first is not None:
                (status, headers), body = first, "later"
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            with site.lock:
                site.at_once -= 1
            self.wfile.write(content)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
