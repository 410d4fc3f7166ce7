"""Sign-in with other accounts: OpenID Connect servers, with PKCE, whose keys the environment has.

Google's keys are GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET. Another server takes the place beside
it with OIDC_SERVER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and, for its button, OIDC_NAME.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

GOOGLE = "https://accounts.google.com"


def _apps() -> list[dict[str, Any]]:
    found = []
    for provider, prefix, server, name in (
        ("google", "GOOGLE", os.environ.get("GOOGLE_SERVER", GOOGLE), "Google"),
        ("oidc", "OIDC", os.environ.get("OIDC_SERVER", ""), os.environ.get("OIDC_NAME", "OpenID")),
    ):
        client = os.environ.get(f"{prefix}_CLIENT_ID", "")
        secret = os.environ.get(f"{prefix}_CLIENT_SECRET", "")
        if not client and not secret:
            continue
        if not client or not secret or not server:
            raise ImproperlyConfigured(
                f"sign-in with {name} needs {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET"
                + ("" if provider == "google" else " and OIDC_SERVER")
            )
        found.append(
            {
                "provider_id": provider,
                "name": name,
                "client_id": client,
                "secret": secret,
                "settings": {"server_url": server, "oauth_pkce_enabled": True},
            }
        )
    return found


def providers() -> dict[str, Any]:
    """SOCIALACCOUNT_PROVIDERS: an app for each server whose keys are set."""
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": _apps()}}


def form_targets() -> list[str]:
    """Origins to which the sign-in form redirects: browsers hold form-action against them."""
    servers = [urlsplit(app["settings"]["server_url"]) for app in _apps()]
    return sorted({f"{server.scheme}://{server.netloc}" for server in servers})
