"""Making tokens, and finding the token that a request brings."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from web.api.models import Scope, Token
from web.people.models import User

DAYS, MOST_DAYS = 90, 366
MOST_TOKENS = 50
"""Of one person."""
SHOWN = 12
USED_EVERY = timedelta(minutes=1)
"""The time of the last use is stored this often at most."""


class TokenError(ValueError):
    """A token that cannot be made or is not taken; the message says why."""


def _digest(secret: str) -> str:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def make_token(
    user: User, name: str, scopes: Iterable[str], days: int = DAYS
) -> tuple[Token, str]:
    """A new token of `user`, and its text, which nobody can read again. Raises TokenError."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        said = f"there is no scope {unknown[0]}" if unknown else "choose a scope"
        raise TokenError(f"{said}: {', '.join(Scope.values)}")
    if not 1 <= days <= MOST_DAYS:
        raise TokenError(f"a token is good for 1 to {MOST_DAYS} days, not {days}")
    if not name.strip() or len(name) > 100:
        raise TokenError("a token has a name of 1 to 100 characters")
    if user.api_tokens.count() >= MOST_TOKENS:
        raise TokenError(f"nobody has more than {MOST_TOKENS} tokens: revoke one first")
    secret = "recsys_" + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user,
        name=name.strip(),
        digest=_digest(secret),
        start=secret[:SHOWN],
        scope_names=" ".join(wanted),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return token, secret


def find_token(secret: str) -> Token:
    """The token of that text. Raises TokenError where it is unknown, expired, or its person gone."""
    token = Token.objects.select_related("user").filter(digest=_digest(secret)).first()
    if token is None:
        raise TokenError("the token is not known here, or was revoked")
    if token.expired:
        raise TokenError(f"the token expired on {token.expires_at:%Y-%m-%d}: make a new one")
    if not token.user.is_active:
        raise TokenError("the account of this token is closed")
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USED_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
    return token
