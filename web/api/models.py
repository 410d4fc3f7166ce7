"""Tokens of the API. Only a hash is stored: a token can be recognised, and not read back."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """What a token may do. Nobody gets more of a token than the account itself has."""

    READ = "read", _("Read")
    RATINGS = "write:ratings", _("Add, change and remove ratings")
    ITEMS = "write:items", _("Add, change and remove items")
    MODELS = "write:models", _("Write and publish similarities, change recommenders")
    USERS = "write:users", _("Add, change and remove accounts")


class Token(models.Model):
    """A token, as its SHA-256; `start` is what its owner recognises it by."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="api_tokens",
        verbose_name=_("person"),
    )
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    start = models.CharField(_("begins with"), max_length=16, editable=False)
    scope_names = models.CharField(_("scopes"), max_length=200)  # separated by spaces
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("token of the API")
        verbose_name_plural = _("tokens of the API")

    def __str__(self) -> str:
        return f"{self.start}… ({self.name})"

    @property
    def scopes(self) -> list[str]:
        """The scopes as a list."""
        return str(self.scope_names).split()

    @property
    def expired(self) -> bool:
        """Whether it is no longer taken."""
        return bool(self.expires_at <= timezone.now())
