"""What a person may do, and what of that the token allows."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from web.api.models import Scope, Token
from web.people.models import User

MANAGE = "people.api_management"


def manages(user: User) -> bool:
    """Whether the person may write what is not the person's own."""
    return bool(user.has_perm(MANAGE))


def sees_all(user: User) -> bool:
    """Whether the person may read what others rated, and who they are."""
    return bool(user.is_staff) or manages(user)


class Scoped(BasePermission):
    """Signed in, and with a token: the token has `read`, or `view.scope` where something changes."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises PermissionDenied, which names the scope."""
        if not (request.user and request.user.is_authenticated):
            return False
        needed = Scope.READ if request.method in SAFE_METHODS else view.scope
        if isinstance(request.auth, Token) and needed not in request.auth.scopes:
            raise PermissionDenied(f"the token lacks the scope {needed.value}")
        return True


class Managed(BasePermission):
    """Anyone may read; writing needs the permission `api_management`."""

    message = f"this needs the permission {MANAGE}"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether it is there."""
        return request.method in SAFE_METHODS or manages(request.user)


class ModelPermissions(BasePermission):
    """Anyone may read; writing needs the permission of the table, as on the pages."""

    actions = {"POST": "add", "PUT": "change", "PATCH": "change", "DELETE": "delete"}

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises PermissionDenied, which names the permission."""
        if request.method in SAFE_METHODS or request.method not in self.actions:
            return True
        options = view.queryset.model._meta
        needed = f"{options.app_label}.{self.actions[request.method]}_{options.model_name}"
        if not request.user.has_perm(needed):
            raise PermissionDenied(f"this needs the permission {needed}")
        return True
