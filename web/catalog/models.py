"""Items and their tags."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST_ADDRESS = 1000


def validate_image(address: str) -> None:
    """Refuse all but https:, http: and paths on this site: no javascript:, no data:."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as http://[
        parts = urlsplit("")
    if parts.scheme in ("http", "https") and parts.netloc:
        return
    if not parts.scheme and not parts.netloc and address.startswith("/"):
        return
    raise ValidationError(_("The address of a picture starts with https://, http:// or /."))


class Tag(models.Model):
    """A word by which items are found, such as a genre."""

    name = models.CharField(_("name"), max_length=100, unique=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name


class Item(models.Model):
    """What is rated. `counts.py` counts popularity, rating, votes and likes from the ratings."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=255)
    description = models.TextField(_("description"), blank=True, max_length=10_000)
    image = models.CharField(
        _("picture"), blank=True, max_length=LONGEST_ADDRESS, validators=[validate_image]
    )
    # From 0 to 1: mean rating times share of all ratings, scaled over the catalogue.
    popularity = models.FloatField(_("popularity"), default=0.0, db_index=True)
    rating = models.FloatField(_("mean rating"), default=0.0)  # 0.0 where nobody has rated
    votes = models.PositiveIntegerField(_("ratings"), default=0)
    likes = models.PositiveIntegerField(_("ratings of 4 and above"), default=0, db_index=True)
    tags = models.ManyToManyField(Tag, verbose_name=_("tags"), blank=True, related_name="items")

    class Meta:
        ordering = ["-popularity", "id"]
        verbose_name = _("item")
        verbose_name_plural = _("items")

    def __str__(self) -> str:
        return self.name
