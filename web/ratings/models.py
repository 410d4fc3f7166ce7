"""What people say about items.

`user_id` is a plain number and no foreign key: most ratings come from data sets whose people have
no account here. Those people have the ids of their data set, below
`web.people.ids.FIRST_ACCOUNT_ID`; accounts have that id or a higher one.
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from web.catalog.models import Item

LOWEST, HIGHEST, STEP = 0.5, 5.0, 0.5


class Interaction(models.Model):
    """A rating: one of each user and item. An item that was not rated has no row."""

    user_id = models.BigIntegerField(_("person"))
    item = models.ForeignKey(Item, models.CASCADE, verbose_name=_("item"))
    rating = models.FloatField(
        _("rating"), validators=[MinValueValidator(LOWEST), MaxValueValidator(HIGHEST)]
    )
    suitable_to_train = models.BooleanField(_("suitable to train"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    # Whoever writes in bulk sets both: a fingerprint of all ratings is made of them.
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    revision = models.PositiveIntegerField(_("revision"), default=1)  # one more with each change

    class Meta:
        verbose_name = _("rating")
        verbose_name_plural = _("ratings")
        constraints = [
            models.UniqueConstraint(fields=["user_id", "item"], name="one_rating_per_person_item"),
            models.CheckConstraint(
                condition=models.Q(rating__gte=LOWEST, rating__lte=HIGHEST), name="rating_in_scale"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="interaction_created")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.item_id} = {self.rating}"


class Dismissal(models.Model):
    """An item that a person passed over on purpose; no rating, and never used as one."""

    class Kind(models.TextChoices):
        """SKIP: not now, or not known. NOT_INTERESTED: never shown to this person again."""

        SKIP = "skip", _("skipped")
        NOT_INTERESTED = "not_interested", _("not interested")

    user_id = models.BigIntegerField(_("person"))
    item = models.ForeignKey(Item, models.CASCADE, verbose_name=_("item"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("dismissal")
        verbose_name_plural = _("dismissals")
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "item"], name="one_dismissal_per_person_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.item_id} {self.kind}"
