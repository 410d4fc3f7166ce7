"""Telegram, e-mail and webhooks: each sends one text, or says why it could not.

An error is told without the address it was sent to, as that may hold a secret.
"""

import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from pipeline.messages.settings import Email, Telegram, Webhook

_TIMEOUT = 10.0
"""Seconds."""
_LONGEST = 4096
"""UTF-16 units that Telegram takes in a message."""


class NotSentError(Exception):
    """Why a message was not sent."""

    def __init__(self, reason: str, again: bool = True, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.again = again
        """Whether the same message may succeed later."""
        self.wait = wait
        """Seconds that the other side wants to be left alone."""


def by_telegram(channel: Telegram, text: str, already: int = 0) -> Iterator[int]:
    """Send the text in as many messages as it needs; yields how many were sent so far.

    `already`: messages of the same text that were sent before. Raises NotSentError.
    """
    url = f"{channel.base}/bot{channel.token}/sendMessage"
    for number, part in enumerate(parts(text), start=1):
        if number > already:
            body = {"chat_id": channel.chat, "text": part}
            _post(url, body | {"link_preview_options": {"is_disabled": True}}, channel.token)
            yield number


def by_webhook(channel: Webhook, text: str, decision: dict[str, Any] | None) -> int:
    """POST {"text", "decision"}; 1, for one message. Raises NotSentError."""
    _post(channel.url, {"text": text, "decision": decision}, channel.url)
    return 1


def by_email(channel: Email, text: str) -> int:
    """1, for one message. Raises NotSentError."""
    message = EmailMessage()
    message["Subject"] = text.partition("\n")[0]
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    message.set_content(text)
    kind = smtplib.SMTP_SSL if channel.security == "tls" else smtplib.SMTP
    try:
        with kind(channel.host, channel.port, timeout=_TIMEOUT) as server:
            if channel.security == "starttls":
                server.starttls()
            if channel.user:
                server.login(channel.user, channel.password)
            refused = server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        # Its text may repeat what was sent.
        raise NotSentError(f"the login was refused ({error.smtp_code})", again=False) from None
    except (OSError, smtplib.SMTPException) as error:
        permanent = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
        reason = _hidden(str(error) or type(error).__name__, channel.password)
        raise NotSentError(reason, not permanent) from None
    if refused:
        raise NotSentError(f"{len(refused)} of {len(channel.to)} addresses were refused", False)
    return 1


def parts(text: str, longest: int = _LONGEST) -> list[str]:
    """Cut where lines end, so that each part has at most so many UTF-16 units; a longer line is
    cut where it must be.

    >>> parts("one\\ntwo\\nthree", longest=7)
    ['one\\ntwo', 'three']
    """
    found, part = [""], ""
    for line in (piece for whole in text.split("\n") for piece in _pieces(whole, longest)):
        part = f"{found[-1]}\n{line}" if found[-1] else line
        if _units(part) <= longest:
            found[-1] = part
        else:
            found.append(line)
    return [part for part in found if part]


def _pieces(line: str, longest: int) -> Iterator[str]:
    piece, size = "", 0
    for letter in line:
        if size + _units(letter) > longest:
            yield piece
            piece, size = "", 0
        piece, size = piece + letter, size + _units(letter)
    yield piece


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _post(url: str, body: dict[str, Any], secret: str) -> None:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            reason, wait = _refusal(error)
        again = error.code == 429 or error.code >= 500
        raise NotSentError(_hidden(reason, secret), again, wait) from None
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise NotSentError(_hidden(reason, secret)) from None


def _refusal(error: urllib.error.HTTPError) -> tuple[str, float]:
    """What it says, and the seconds that it wants us to wait."""
    try:
        told = json.loads(error.read())
        reason = str(told["description"])
        wait = float(told.get("parameters", {}).get("retry_after", 0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        reason, wait = str(error.reason), 0.0
        if (after := error.headers.get("Retry-After", "")).isdigit():
            wait = float(after)
    return f"{error.code}: {reason}", wait


def _hidden(text: str, secret: str) -> str:
    return text.replace(secret, "***") if secret else text
