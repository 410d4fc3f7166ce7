"""Lines of a shop's log."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

START = 1_790_000_000_000


def answer(user: str, at: int, arm: str | None, request: str, **more: Any) -> dict[str, Any]:
    """A line that says `recommend`; `at` in s."""
    return {
        "message": "recommend",
        "timestamp": START + 1000 * at,
        "user": user,
        "items": ["a", "b"],
        "sources": ["similar", "popular"],
        "scores": [1.0, None],
        "request": request,
        "experiments": {} if arm is None else {"AB": arm},
        "recommender": "full" if arm == "T1" else "popular",
        "model_version": "v1",
        "latency": 0.002,
        "k": 2,
        "session": None,
        "run": "r1",
        **more,
    }


def event(user: str, at: int, kind: str, id_: str | None = None, **more: Any) -> dict[str, Any]:
    """A line that says `event`."""
    return {
        "message": "event",
        "timestamp": START + 1000 * at,
        "user": user,
        "item": "a",
        "event": kind,
        "id": id_ or f"{user}-{at}-{kind}",
        "session": None,
        "received": START + 1000 * at,
        "run": "r1",
        **more,
    }


def write(path: Path, lines: Iterable[dict[str, Any] | str]) -> Path:
    """As a file of a log."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n")
    return path


def small() -> list[dict[str, Any] | str]:
    """Two visitors of each arm, with everything that a log may have."""
    return [
        event("u1", -50, "addtocart"),  # before the visitor's first answer
        answer("u1", 0, "C", "q1"),
        event("u1", 10, "view", request="q1"),
        event("u1", 20, "addtocart", "again", request="q1"),
        event("u1", 21, "addtocart", "again", request="q1"),  # sent again
        event("u1", 30, "transaction", price=10.0, quantity=3),
        answer("u2", 0, "C", "q2"),
        event("u2", 5, "view"),
        answer("u3", 0, "T1", "q3"),
        answer("u3", 0, "T1", "q3"),  # shipped again
        event("u3", 1, "view", request="q3"),
        event("u3", 2, "addtocart"),
        event("u3", 3, "addtocart"),
        answer("u3", 7200, "T1", "q4"),  # a new session
        event("u3", 7201, "transaction", price=5.0),
        answer("u4", 0, "T1", "q5"),
        event("u4", 9, "view", request="q1"),  # names an answer to another visitor
        {"message": "item", "timestamp": START, "item": "a", "fields": {"price": 3}, "run": "r1"},
        event("u9", 1, "view"),  # who got no answer
    ]


def experiment(users: int, lost: float = 0.0, priced: bool = True) -> list[dict[str, Any] | str]:
    """Visitors of two arms; those of T1 put twice as much into the cart."""
    lines: list[dict[str, Any] | str] = []
    for user in range(users):
        arm, name = ("C", "T1")[user % 2], f"u{user}"
        if (user % 100) >= 100 * lost:
            lines.append(answer(name, 20 * user, arm, f"q{user}", latency=0.001 + user % 7 / 1e4))
        lines.append(event(name, 20 * user + 1, "view", request=f"q{user}"))
        lines.append(answer(name, 20 * user + 2, arm, f"r{user}", latency=0.001 + user % 5 / 1e4))
        carts = (user // 2) % 3 + (user // 2) % 2 * (user % 2)
        lines += [
            event(name, 20 * user + 3 + n, "addtocart", request=f"q{user}") for n in range(carts)
        ]
        if carts > 1:
            price = {"price": 20.0} if priced else {}
            lines.append(event(name, 20 * user + 9, "transaction", **price))
    return lines
