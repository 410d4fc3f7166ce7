"""For a developer's own machine: errors are shown, and the key is known to all."""

from web.recsys.settings.base import *  # noqa: F403

DEBUG = True
SECRET_KEY = "only-for-development-" + "x" * 40
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
