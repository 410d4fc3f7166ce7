"""The decisions of all nights, as text and as a page."""

import json
from html import escape
from pathlib import Path
from typing import Any

from pipeline.nightly.directory import write_json

_HEADS = (
    "night", "decision", "candidate", "in service after it", "before", "new", "difference",
    "interval", "checks", "reason",
)  # fmt: skip
# On a narrow screen each night is a block, with the heads before the cells.
_STYLE = (
    "body{font:15px sans-serif;margin:2em}td,th{padding:.3em .6em;text-align:left;"
    "vertical-align:top}td:not(:last-child){white-space:nowrap}"
    ".refused{background:#fdd}.published{background:#dfd}"
    "@media(max-width:1150px){body{margin:1em}th{display:none}tr{display:block;margin:1em 0;"
    "padding:.3em}td{display:flex;gap:.6em}td:before{content:attr(data-head);flex:0 0 9em;"
    "font-weight:bold}td:last-child{overflow-wrap:anywhere}}"
)


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
    name = next((d["primary"]["name"] for d in found if d["primary"]), "primary")
    page = out / "nights.html"
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Nights</title>'
        f"<style>{_STYLE}</style><h1>Nights</h1>"
        f"<p>{escape(name)} of the candidate and of what served before it, on the same visitors; "
        "in a first night, of popular items. The interval is that of the difference.</p>"
        "<table><tr>" + "".join(f"<th>{head}</th>" for head in _HEADS) + "</tr>\n"
        + "\n".join(_row(out, decision) for decision in found) + "</table></html>\n"
    )  # fmt: skip
    return page


def _row(out: Path, decision: dict[str, Any]) -> str:
    primary = decision["primary"] or {}
    failed = [check["step"] for check in decision["checks"] if not check["passed"]]
    checks = escape(f"{len(failed)} of {len(decision['checks'])} failed")
    address = f"{decision['night']}/{[*failed, 'transform'][0]}/checks.html"
    if (out / address).is_file():
        checks = f'<a href="{escape(address)}">{checks}</a>'
    low, high = (_number(primary.get(name), "+") for name in ("low", "high"))
    cells = [
        escape(decision["night"]), verdict(decision), escape(decision["candidate"] or "–"),
        escape(decision["serving"] or "–"), _number(primary.get("old")),
        _number(primary.get("new")), _number(primary.get("difference"), "+"),
        "–" if low == "–" else f"{low} to {high}", checks, escape(decision["reason"]),
    ]  # fmt: skip
    return (
        f"<tr class={'published' if decision['published'] else 'refused'}>"
        + "".join(
            f'<td data-head="{head}">{cell}</td>' for head, cell in zip(_HEADS, cells, strict=True)
        )
        + "</tr>"
    )


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"
