"""Send what became of a night to every channel, each once."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.messages.channels import NotSentError, by_email, by_telegram, by_webhook
from pipeline.messages.settings import Settings
from pipeline.messages.text import decision_of
from pipeline.messages.text import text as text_of

SENT = "messages.json"
_ATTEMPTS = 4
_PAUSE = 1.0
"""Seconds before the second attempt; doubled for each one after it."""
_LONGEST_WAIT = 60.0

Send = Callable[[int], Iterator[int]]
"""Sends the parts of a text after the first so many, and yields how many were sent."""


def notify(
    night: Path, settings: Settings, note: str = "", sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Tell every channel what became of the night; the channels that failed, with the reason.

    Raises nothing for a message that cannot be sent: a night never fails by it. What was sent is
    kept in messages.json beside the steps, so that the same text is sent once. `note`: a line
    that a scheduler adds; `sleep`: waits so many seconds.
    """
    text = text_of(night, settings.link, note)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    sent, failed = _read(night / SENT), []
    for channel, send in _channels(night, settings, text).items():
        before = sent.get(channel, {})
        same = before.get("text") == name
        if same and before["whole"]:
            continue
        done, reason = _deliver(send, before["parts"] if same else 0, sleep)
        if reason:
            failed.append(f"{channel}: {reason}")
        time_sent = datetime.now(UTC).isoformat(timespec="seconds")
        sent[channel] = {"text": name, "parts": done, "whole": not reason, "time": time_sent}
    if problem := _write(night / SENT, sent):
        failed.append(f"{SENT} cannot be written, so a message may be sent twice: {problem}")
    return failed


def _channels(night: Path, settings: Settings, text: str) -> dict[str, Send]:
    found: dict[str, Send] = {}
    if telegram := settings.telegram:
        found["telegram"] = lambda already: by_telegram(telegram, text, already)
    if email := settings.email:
        found["email"] = lambda _: iter((by_email(email, text),))
    if webhook := settings.webhook:
        found["webhook"] = lambda _: iter((by_webhook(webhook, text, decision_of(night)),))
    return found


def _deliver(send: Send, done: int, sleep: Callable[[float], None]) -> tuple[int, str | None]:
    """How many parts were sent, and why not the others; waits longer after each failure."""
    for attempt in range(_ATTEMPTS):
        try:
            for sent in send(done):
                done = sent
        except NotSentError as error:
            wait = max(error.wait, _PAUSE * 2**attempt)
            if not error.again or attempt == _ATTEMPTS - 1 or wait > _LONGEST_WAIT:
                return done, str(error)
            sleep(wait)
        else:
            return done, None
    raise AssertionError("the last attempt returns")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _write(path: Path, content: object) -> str | None:
    """Why it cannot be written; None: it is."""
    aside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        aside.write_text(json.dumps(content, indent=2) + "\n")
        os.replace(aside, path)
    except OSError as error:
        return error.strerror or str(error)
    return None
