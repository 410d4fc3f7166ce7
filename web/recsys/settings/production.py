"""For a site that others reach, behind a proxy that speaks HTTPS.

SECRET_KEY and ALLOWED_HOSTS must be set. INSECURE_HTTP=1 lets a browser on this machine in without
HTTPS, as `make web` needs; only ALLOWED_HOSTS of this machine go with it.
"""

import os

from django.core.exceptions import ImproperlyConfigured

from web.recsys.environment import flag, number, words
from web.recsys.settings.base import *  # noqa: F403

LOCAL = {"localhost", "127.0.0.1", "[::1]"}
SHORTEST_KEY = 32

DEBUG = False
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if len(SECRET_KEY) < SHORTEST_KEY:
    raise ImproperlyConfigured(
        f"set SECRET_KEY to {SHORTEST_KEY} random characters or more, such as the output of "
        "`python -c 'import secrets; print(secrets.token_urlsafe(50))'`"
    )
ALLOWED_HOSTS = words("ALLOWED_HOSTS")
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("set ALLOWED_HOSTS to the site's names, separated by commas; not *")

_secure = not flag("INSECURE_HTTP")
if not _secure and not set(ALLOWED_HOSTS) <= LOCAL:
    raise ImproperlyConfigured("INSECURE_HTTP is for ALLOWED_HOSTS of localhost and 127.0.0.1")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
# A probe inside the host speaks plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = number("HSTS_SECONDS", 3600) if _secure else 0
if number("TRUSTED_PROXIES", 0):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Limits on tries of passwords are counted by all workers together.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": os.environ.get("CACHE_DIR") or WEB.parent / "out" / "web" / "cache",  # noqa: F405
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
