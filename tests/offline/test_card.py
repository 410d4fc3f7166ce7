"""The data card."""

import json
import re
from pathlib import Path

from offline.card import as_text, write_card
from offline.data.interactions import Interactions
from offline.importing.formats.generic import Csv
from offline.importing.load import load_source
from offline.importing.source import Columns
from offline.logs.bad_lines import BadLine

NASTY = "</script><script>alert(1)</script>"


def card_of(tmp_path: Path) -> tuple[str, str]:
    lines = ["user,item,rating,timestamp,title"]
    lines += [
        f"{user},{item},5,{1_600_000_000 + user * item},{NASTY if item == 1 else item}"
        for user in range(1, 31)
        for item in range(1, 61)
        if item <= 60 // user
    ]
    (tmp_path / "data.csv").write_text("\n".join(lines))
    out = tmp_path / "out"
    load_source(Csv().open(tmp_path / "data.csv", Columns()), out, "csv")
    facts = write_card(out, [BadLine("x.csv", 7, f"`user` is no id: {NASTY!r}")])
    return as_text(facts), (out / "card.html").read_text()


def test_text_has_the_counts(tmp_path: Path) -> None:
    text, _ = card_of(tmp_path)
    data = Interactions.load(tmp_path / "out")
    n = sum(60 // user for user in range(1, 31))
    assert len(data.user) == n
    assert (
        f"{n} interactions of 30 users with 60 items; {100 * n / 1800:.3g} % of all pairs" in text
    )
    assert "per user: 2 to 60, median" in text
    assert "times: 2020-09-13 to 2020-09-13" in text
    assert f"likes: {n} pairs" in text


def test_the_page_escapes_all_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    _, page = card_of(tmp_path)
    assert "<script" not in page
    assert "&lt;/script&gt;&lt;script&gt;" in page
    assert not re.search(r"(src|href|url\()\s*=?\s*[\"'(]?\s*(https?:)?//", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page
    assert page.count("<svg") == 2
    assert "x.csv:7" in page


def test_a_gini_coefficient_is_known(tmp_path: Path) -> None:
    import numpy as np

    from offline.card.facts import _counts

    assert _counts(np.array([3, 3, 3, 3])).gini == 0
    assert _counts(np.array([1, 3])).gini == 0.25
    assert json.dumps(_counts(np.array([1, 3])).top_share) == "0.75"
