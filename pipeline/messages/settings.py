"""Where messages go, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A variable of the environment that is wrong or missing; names it, never its value."""


@dataclass(frozen=True)
class Telegram:
    """A bot, and the chat that it writes to."""

    token: str = field(repr=False)
    chat: str
    base: str = "https://api.telegram.org"


@dataclass(frozen=True)
class Email:
    """A mail server, and who gets the mail."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    security: str = "starttls"
    """starttls, tls, or none."""
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Webhook:
    """An address that takes JSON; it may hold a secret."""

    url: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """The channels; None: that one is not used."""

    telegram: Telegram | None = None
    email: Email | None = None
    webhook: Webhook | None = None
    link: str = ""
    """The address of the page of nights."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises SettingsError for a channel that is set in part or wrongly.

        >>> variables = {"TELEGRAM_BOT_TOKEN": "1:a", "TELEGRAM_CHAT_ID": "-100"}
        >>> Settings.from_environment(variables).telegram
        Telegram(chat='-100', base='https://api.telegram.org')
        """
        return cls(
            _telegram(environment),
            _email(environment),
            _webhook(environment),
            _url(environment, "NOTIFY_LINK"),
        )

    @property
    def empty(self) -> bool:
        """Whether there is nobody to tell."""
        return not (self.telegram or self.email or self.webhook)


def _telegram(environment: Mapping[str, str]) -> Telegram | None:
    token, chat = _both(environment, "TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID")
    if not token:
        return None
    base = _url(environment, "TELEGRAM_API_BASE") or Telegram.base
    return Telegram(token, chat, base.rstrip("/"))


def _email(environment: Mapping[str, str]) -> Email | None:
    host, to = _both(environment, "SMTP_HOST", "NOTIFY_EMAIL_TO")
    if not host:
        return None
    security = environment.get("SMTP_SECURITY", Email.security)
    if security not in ("starttls", "tls", "none"):
        raise SettingsError("SMTP_SECURITY is none of starttls, tls, none")
    port = environment.get("SMTP_PORT") or ("465" if security == "tls" else "587")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError("SMTP_PORT is no port")
    addresses = tuple(one.strip() for one in to.split(",") if one.strip())
    sender = environment.get("NOTIFY_EMAIL_FROM") or addresses[0]
    for address in (*addresses, sender):
        if "@" not in address or any(one.isspace() for one in address):
            raise SettingsError("NOTIFY_EMAIL_TO or NOTIFY_EMAIL_FROM has what is no address")
    user, password = _both(environment, "SMTP_USER", "SMTP_PASSWORD")
    if user and security == "none":
        raise SettingsError("SMTP_PASSWORD would be sent unencrypted: SMTP_SECURITY is none")
    return Email(host, int(port), sender, addresses, security, user, password)


def _webhook(environment: Mapping[str, str]) -> Webhook | None:
    url = _url(environment, "NOTIFY_WEBHOOK_URL")
    return Webhook(url) if url else None


def _both(environment: Mapping[str, str], *names: str) -> list[str]:
    """Of variables that are set together, or not at all."""
    values = [environment.get(name, "").strip() for name in names]
    if any(values) and not all(values):
        there, missing = sorted(zip(values, names, strict=True), reverse=True)
        raise SettingsError(f"{there[1]} is set, and {missing[1]} is not")
    return values


def _url(environment: Mapping[str, str], name: str) -> str:
    url = environment.get(name, "").strip()
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname
    except ValueError:
        wrong = True
    if url and wrong:
        raise SettingsError(f"{name} is no URL that begins with http:// or https://")
    return url
