"""So many requests a minute of each person, and of each address without one."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from web.recsys.limits import spend


class Throttle(BaseThrottle):
    """`settings.API_REQUESTS` a minute for a person, `API_WRITES` of them that change something."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request."""
        user = request.user
        who = f"person {user.pk}" if user and user.is_authenticated else self.get_ident(request)
        self.seconds = spend(f"api {who}", settings.API_REQUESTS)
        if not self.seconds and request.method not in ("GET", "HEAD", "OPTIONS"):
            self.seconds = spend(f"api write {who}", settings.API_WRITES)
        return not self.seconds

    def wait(self) -> int:
        """Seconds, for Retry-After."""
        return self.seconds
