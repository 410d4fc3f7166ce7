"""Who asks: `Authorization: Token TEXT`, or a session of the site with its CSRF token."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from web.api.models import Token
from web.api.tokens import TokenError, find_token
from web.people.models import User

WORDS = (b"token", b"bearer")


class TokenAuthentication(BaseAuthentication):
    """Tokens, under the word `Token` or `Bearer`; `request.auth` is the token."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        """The person and the token; None where the header names another way, or is not there."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() not in WORDS:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("send `Authorization: Token TEXT`, TEXT without spaces")
        try:
            token = find_token(parts[1].decode())
        except UnicodeDecodeError:
            raise AuthenticationFailed("the token is not known here, or was revoked") from None
        except TokenError as error:
            raise AuthenticationFailed(str(error)) from None
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """For the 401."""
        return "Token"


class _Described(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """For the schema."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token TEXT`, of a token made on the account page.",
        }
