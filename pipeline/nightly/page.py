"""The decisions of all nights, as text and as a page."""

import json
from html import escape
from pathlib import Path
from typing import Any

from pipeline.nightly.directory import write_json


def decisions(out: Path) -> list[dict[str, Any]]:
    """Of every night that has one, oldest first."""
    found = sorted(out.glob("????-??-??/decision.json"))
    return [json.loads(file.read_text()) for file in found]


def verdict(decision: dict[str, Any]) -> str:
    """In a word or two."""
    if not decision["published"]:
        return "refused"
    return "published by force" if decision["forced"] else "published"


def line(decision: dict[str, Any]) -> str:
    """A night in one line."""
    return f"{decision['night']}  {verdict(decision)}: {decision['reason']}"


def write_page(out: Path) -> Path:
    """Write nights.html and nights.json beside the nights; the path of the page."""
    found = decisions(out)
    write_json(out / "nights.json", found)
    rows = []
    for decision in found:
        primary = decision["primary"] or {}
        figures = [
            _number(primary.get(name)) for name in ("old", "new", "difference", "low", "high")
        ]
        failed = sum(not check["passed"] for check in decision["checks"])
        cells = [
            decision["night"], verdict(decision), decision["candidate"] or "–",
            decision["serving"] or "–", *figures, f"{failed} of {len(decision['checks'])}",
            decision["reason"],
        ]  # fmt: skip
        rows.append(
            f"<tr class={'published' if decision['published'] else 'refused'}>"
            + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
            + "</tr>"
        )
    name = next((d["primary"]["name"] for d in found if d["primary"]), "primary")
    heads = (
        "night", "decision", "candidate", "in service after it", f"{name}, serving", "candidate",
        "difference", "from", "to", "failed checks", "reason",
    )  # fmt: skip
    page = out / "nights.html"
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Nights</title>'
        "<style>body{font:15px sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left;"
        "vertical-align:top}.refused{background:#fdd}.published{background:#dfd}</style>"
        "<h1>Nights</h1><table><tr>"
        + "".join(f"<th>{escape(head)}</th>" for head in heads)
        + "</tr>\n" + "\n".join(rows) + "</table></html>\n"
    )  # fmt: skip
    return page


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
