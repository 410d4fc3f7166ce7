"""`/api/users/`: accounts. A person sees the own one alone."""

from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers, viewsets
from rest_framework.exceptions import PermissionDenied

from web.api.models import Scope
from web.api.resources import filters
from web.api.rest.fields import Strict
from web.api.rest.permissions import Managed, Scoped, sees_all
from web.catalog.counts import recount
from web.people.models import User
from web.people.removal import end_sessions


class UserSerializer(Strict):
    """An account. Roles and passwords are no part of it."""

    class Meta:
        model = User
        fields = ["id", "username", "email"]

    def validate_email(self, email: str) -> str:
        """Two accounts with one address could not be told apart at sign-in."""
        others = User.objects.exclude(pk=self.instance.pk if self.instance else None)
        if email and others.filter(email__iexact=email).exists():
            raise serializers.ValidationError("another account has this address")
        return email


class UserViewSet(viewsets.ModelViewSet):
    """Accounts: one's own, and all of them for staff."""

    queryset = User.objects.all()
    serializer_class = UserSerializer
    filterset_class = filters.Users
    permission_classes = [Scoped, Managed]
    scope = Scope.USERS

    def get_queryset(self) -> QuerySet[User]:
        """The accounts that may be seen."""
        found = User.objects.only("id", "username", "email", "is_staff", "is_superuser")
        return found if sees_all(self.request.user) else found.filter(pk=self.request.user.pk)

    def _guard(self, user: User) -> None:
        # Whoever changes an address can have the password sent to it.
        if (user.is_staff or user.is_superuser) and not self.request.user.is_superuser:
            raise PermissionDenied("accounts of staff are changed by superusers alone")

    def perform_create(self, serializer: Any) -> None:
        """A new account has no password: its person sets one by the mail that resets it."""
        user = serializer.save()
        user.set_unusable_password()
        user.save(update_fields=["password"])

    def perform_update(self, serializer: Any) -> None:
        """A changed address is one that nobody has confirmed."""
        self._guard(serializer.instance)
        before = serializer.instance.email
        with transaction.atomic():
            user = serializer.save()
            if user.email != before:
                EmailAddress.objects.filter(user=user).delete()

    def perform_destroy(self, instance: User) -> None:
        """The account goes with all the person rated."""
        self._guard(instance)
        with transaction.atomic():
            end_sessions(instance.pk)
            instance.delete()
        recount()
