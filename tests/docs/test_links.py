"""No dead link in the pages that mkdocs does not check, nor in what the code names."""

import re
import subprocess
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify, unique

REPO = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def _without_code(text: str) -> str:
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", "", text)


def _anchors(page: Path) -> set[str]:
    used: set[str] = set()
    for title in re.findall(r"^#{1,6} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"\[([^\]]+)\]\([^)]+\)|[`*]", r"\1", title)
        unique(slugify(plain, "-"), used)
    return used


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    text = _without_code((REPO / name).read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    for link in links:
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        page = REPO / target if target else REPO / name
        assert page.exists(), f"{name}: {link}"
        assert not anchor or anchor in _anchors(page), f"{name}: {link}"


def test_pages_that_code_names_are_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPO, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        path = REPO / name
        if path.suffix not in (".py", ".yml", ".sql", ".js", ".json", ".toml", ".ipynb", ".md"):
            continue
        text = path.read_text("utf-8")
        for page in re.findall(r"(?<![\w/])docs/[\w/.-]+\.(?:md|svg|png)\b", text):
            assert (REPO / page).exists(), f"{name}: {page}"
