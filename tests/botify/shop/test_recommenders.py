"""The recommender of items that the guide shows, taken from its page."""

import re
import textwrap
from pathlib import Path
from typing import Any

from botify.shop.request import ItemRequest
from botify.store.items import Source

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-recommender.md"


def test_the_recommender_of_the_guide() -> None:
    section = PAGE.read_text("utf-8").partition("## For the shop face")[2]
    code = re.findall(r"(?:^(?:    .*)?\n)+", section.partition("\n## ")[0], re.MULTILINE)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(max(code, key=len)), names)
    kind = names["BasketThenUser"]
    settings = {"type": "x", "list": "mine", "neighbours": "near"}
    made = kind.from_config("both", kind.Config.model_validate(settings))
    assert [*made.config.references()] == [
        ("list", "lists", "mine"),
        ("neighbours", "neighbours", "near"),
    ]
    assert made.sources(ItemRequest("anna", items=("a", "b"))) == (
        Source("beside", (("near", "a"), ("near", "b"))),
        Source("both", (("mine", "anna"),)),
    )
