"""Real events against the service: the first part is learned from, the rest happens again.

Before each event that happens again the service is asked for items, and then told of it. It says
how often visitors came to what an answer had; not what they would have done, had they seen it.
"""

import http.client
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from contract.shop_events import KINDS
from pipeline.shop_steps import config_of, learn, train_ranker, wait_for_history
from pipeline.steps import run_command, serving, step

CUT = 0.85
"""Share of the events that is learned from."""
_WEEK_MS = 7 * 86_400_000
_KEPT_MS = 25 * 86_400_000
"""The service has last events of a month: a visitor to wait for must be of less."""
K = 5
DRAWS = 1000
Row = dict[str, Any]
KNOWN, NEW = "seen before", "new"


class Hit(NamedTuple):
    """An event, and whether answers asked for just before had its item."""

    user: str
    kind: str
    new: bool
    """Whether the visitor had not come to the item before."""
    full: bool
    popular: bool


def replay(events: Path, out: Path, model: str, most: int, now: int) -> str:
    """Learn, serve, ask and tell; writes `out`/replay.json and replay.html; what they say.

    `most`: events that happen again, the first ones. `now`: in ms; times are moved by whole weeks,
    so that the history ends before it.
    """
    step("1/5 import: the events, in the form of the event log")
    shutil.rmtree(out / "imported", ignore_errors=True)
    run_command(
        *("botify-offline", "import", events, "--out", out / "all"),
        *("--events", out / "imported"),
    )
    before, after = divided(_rows(out / "imported"), now)
    if not before or not after:
        raise click.UsageError(f"{events}: too few events to learn from some and replay others")
    history = out / "history"
    shutil.rmtree(history, ignore_errors=True)
    history.mkdir()
    (history / "data.json").write_text("".join(json.dumps(row) + "\n" for row in before))
    step(f"2/5 train: {model}, on the first {len(before):,} events; lists for visitors and items")
    run_command(
        *("botify-offline", "import", history, "--format", "shop-log", "--out", out / "data"),
    )
    learn(out / "data", out, model)
    step("3/5 rank: what was put into carts, of what is similar, seen before or popular")
    train_ranker(out, out / "lists" / "items.json")
    step(f"4/5 replay: {min(most, len(after)):,} of the {len(after):,} events after them")
    kinds = sorted({row["event"] for row in after} - {*KINDS})
    changes = {
        **{"items": "lists/items.json", "experiments": {}, "shadow": "popular"},
        "events": {"history": [str(history.resolve())], "kinds": kinds},
    }
    with serving("--config", config_of(out, changes)) as port:
        wait_for_history(port, _oldest(before))
        asked = list(_asked(port, after[:most]))
    step("5/5 count: how often the answers had what visitors came to next")
    hits = hits_of(asked, _answers(out / "log"), before)
    text = told(hits, len(before))
    figures = {"events": len(hits), "learned_from": len(before), "k": K, "rows": figures_of(hits)}
    (out / "replay.json").write_text(json.dumps(figures, indent=1) + "\n")
    (out / "replay.html").write_text(_PAGE.format(text=text))
    return text


def divided(rows: Sequence[Row], now: int) -> tuple[list[Row], list[Row]]:
    """The history, moved in time by whole weeks so that it ends before `now`, and the rest."""
    ordered = sorted(rows, key=lambda row: row["timestamp"])
    cut = int(CUT * len(ordered))
    before, after = ordered[:cut], ordered[cut:]
    if before:
        moved = (now - before[-1]["timestamp"]) // _WEEK_MS * _WEEK_MS
        before = [{**row, "timestamp": row["timestamp"] + moved} for row in before]
    return before, after


def _rows(directory: Path) -> list[Row]:
    return [row for row in map(json.loads, _lines(directory)) if row["message"] == "event"]


def _lines(directory: Path) -> Iterator[bytes]:
    for path in sorted(directory.glob("data.json*")):
        with path.open("rb") as file:
            yield from file


def _oldest(before: Sequence[Row]) -> str:
    """A visitor whose last event is read back from the log among the last ones."""
    last = {row["user"]: row["timestamp"] for row in before}
    since = before[-1]["timestamp"] - _KEPT_MS
    return str(min((user for user in last if last[user] >= since), key=lambda user: last[user]))


def _asked(port: int, rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Each event with the id of the answer that was asked for just before it."""
    service = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with click.progressbar(rows, label="replay", show_pos=True, show_eta=True) as bar:
        for row in bar:
            answer = _post(service, "/recommendations/", {"user_id": row["user"], "k": K})
            fields = ("user", "item", "event", "price", "quantity", "session", "transaction")
            _post(service, "/events", {name: row[name] for name in fields if name in row})
            yield row, answer["request"]
    service.close()


def _post(service: http.client.HTTPConnection, path: str, body: Row) -> Row:
    service.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = service.getresponse()
    content: Row = json.loads(response.read())
    if response.status != 200:
        raise click.ClickException(f"{path}: {response.status} {content.get('message', '')}")
    return content


def _answers(log: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Items of the full stack, and popular ones, by request."""
    rows = (json.loads(line) for line in _lines(log) if b'"recommend"' in line)
    return {row["request"]: (row["items"], row["shadow"]["items"]) for row in rows}


def hits_of(
    asked: Sequence[tuple[Row, str]],
    answers: Mapping[str, tuple[list[str], list[str]]],
    before: Sequence[Row],
) -> list[Hit]:
    """One for each event that happened again."""
    known = {(row["user"], row["item"]) for row in before}
    found = []
    for row, request in asked:
        pair = row["user"], row["item"]
        full, popular = (row["item"] in items for items in answers[request])
        found.append(Hit(row["user"], row["event"], pair not in known, full, popular))
        known.add(pair)
    return found


def figures_of(hits: Sequence[Hit], seed: int = 0) -> list[dict[str, Any]]:
    """Shares of events whose item was in the answer, by kind; the difference's 95 % interval is by
    the bootstrap over visitors."""
    rng = np.random.default_rng(seed)
    rows = []
    for kind in dict.fromkeys(each.kind for each in hits):
        for new in (True, False):
            some = [each for each in hits if (each.kind, each.new) == (kind, new)]
            if not some:
                continue
            _, owner = np.unique([each.user for each in some], return_inverse=True)
            difference = np.array([each.full - each.popular for each in some], np.float64)
            sums, sizes = np.bincount(owner, difference), np.bincount(owner)
            drawn = rng.poisson(1.0, (DRAWS, len(sizes)))
            with np.errstate(invalid="ignore"):
                means = (drawn @ sums) / (drawn @ sizes)
            lower, upper = np.nanpercentile(means, [2.5, 97.5]) if len(sizes) > 1 else (None, None)
            rows.append(
                {
                    "kind": kind,
                    "item": NEW if new else KNOWN,
                    "events": len(some),
                    "visitors": len(sizes),
                    "full": float(np.mean([each.full for each in some])),
                    "popular": float(np.mean([each.popular for each in some])),
                    "difference_95": [lower, upper],
                }
            )
    return rows


def told(hits: Sequence[Hit], learned: int) -> str:
    """The figures as text, with what they are not."""
    lines = [
        "A replay of real events: nobody saw these answers, so that there is no counterfactual.",
        f"Of {len(hits):,} events after the first {learned:,}, how many had their item among the "
        f"{K} that were asked for just before:",
        "",
        f"{'event':<14}{'item':<13}{'events':>8}{'full':>8}{'popular':>9}   difference (95 %)",
    ]
    for row in figures_of(hits):
        lower, upper = row["difference_95"]
        between = "" if lower is None else f"({100 * lower:+.1f} to {100 * upper:+.1f})"
        points = f"{100 * (row['full'] - row['popular']):+.1f} points {between}"
        lines.append(
            f"{row['kind']:<14}{row['item']:<13}{row['events']:>8,}{row['full']:>8.1%}"
            f"{row['popular']:>9.1%}   {points}"
        )
    return "\n".join(lines)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Replay of real events</title>
<meta name="viewport" content="width=device-width">
<body style="font-family: system-ui; max-width: 60rem; margin: 2rem auto; padding: 0 1rem">
<h1>Replay of real events</h1><pre style="overflow-x: auto">{text}</pre></body></html>
"""
