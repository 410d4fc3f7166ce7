"""The data card of a directory of interactions: what is in it, as a page and as text."""

from collections.abc import Sequence
from pathlib import Path

from offline.card.facts import Facts, facts_of
from offline.card.page import render
from offline.card.text import as_text
from offline.logs.bad_lines import BadLine

CARD = "card.html"

__all__ = ["CARD", "Facts", "as_text", "facts_of", "write_card"]


def write_card(directory: Path, bad: Sequence[BadLine] = (), name: str | None = None) -> Facts:
    """Write `card.html` into a directory of interactions.

    `bad` are rows that were left out; `name` is the title, by default the directory's name.
    """
    facts = facts_of(directory, bad, name)
    (directory / CARD).write_text(render(facts), encoding="utf-8")
    return facts
