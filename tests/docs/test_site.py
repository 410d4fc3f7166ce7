"""The site builds without a warning, can be searched, and asks the network for nothing."""

import html
import importlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest
import yaml

from botify.cli import main as botify
from offline.cli import main as offline
from script.dataclient import main as dataclient
from sim.cli import main as sim

pytestmark = pytest.mark.integration

REPO = Path(__file__).parents[2]
LOADING = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
PROGRAMS = {
    "botify": botify,
    "botify-offline": offline,
    "botify-sim": sim,
    "python script/dataclient.py": dataclient,
}


class _Loaded(HTMLParser):
    """What a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        url = dict(attrs).get(LOADING.get(tag, ""))
        if url:
            self.urls.append(url)


def test_every_page_is_there_and_loads_nothing_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    sources = list((REPO / "docs").rglob("*.md"))
    assert len(pages) == len(sources) + 1  # and the page of a 404
    for page in pages:
        loaded = _Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.urls
        for url in loaded.urls:
            assert not re.match(r"(https?:)?//", url), f"{page.name}: {url}"
            if page.name != "404.html":
                assert (page.parent / url.partition("?")[0]).exists(), f"{page.name}: {url}"


def test_styles_load_nothing_from_the_network(site: Path) -> None:
    for style in site.rglob("*.css"):
        urls = re.findall(r"(?:url\(|@import )[\"']?(https?:)?//", style.read_text("utf-8"))
        assert not urls, style


def test_the_search_has_every_page_in_its_index(site: Path) -> None:
    # `plugins` of the config takes the place of the default list, in which the search is.
    plugins = yaml.safe_load((REPO / "mkdocs.yml").read_text())["plugins"]
    assert plugins[0] == "search"
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    pages = {str(page.relative_to(site)) for page in site.rglob("*.html")} - {"404.html"}
    assert found == pages
    assert any("propensity" in entry["text"] for entry in index["docs"])


def _commands(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found += _commands(below, f"{path} {name}")
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_of_every_command_is_shown(site: Path, program: str) -> None:
    page = html.unescape((site / "reference" / "cli.html").read_text(encoding="utf-8"))
    sections = re.split(r"<h[2-6] id=\"[^\"]+\">", page)
    shown = {section.partition("<")[0].strip(): section for section in sections}
    for path, command in _commands(PROGRAMS[program], program):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                for name in parameter.opts:
                    assert name in shown[path], f"{path} {name}"


@pytest.mark.parametrize("module", ["sim", "offline", "offline.experiment"])
def test_every_public_name_is_shown(site: Path, module: str) -> None:
    page = (site / "reference" / "python-api.html").read_text(encoding="utf-8")
    anchors = set(re.findall(r'id="([\w.]+)"', page))
    public = getattr(importlib.import_module(module), "__all__", [])
    assert {f"{module}.{name}" for name in public} <= anchors
