"""Recommenders, the similarity matrices they read, ensembles of them, and how good they were."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SimilarityMatrix(models.Model):
    """Similarities of users or of items, in versions: readers take the cells of `version`."""

    class Type(models.IntegerChoices):
        """What rows and columns are."""

        USER_TO_USER = 1, _("people")
        ITEM_TO_ITEM = 2, _("items")

    name = models.CharField(_("name"), max_length=200, unique=True)
    type = models.PositiveSmallIntegerField(_("type"), choices=Type)
    description = models.TextField(_("description"), blank=True)
    version = models.PositiveIntegerField(_("version"), default=0)  # 0: none is published
    # The highest that was ever published: no later one has its number, whatever was removed.
    last_version = models.PositiveIntegerField(_("last version"), default=0, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("similarity matrix")
        verbose_name_plural = _("similarity matrices")

    def __str__(self) -> str:
        return self.name


class SimilarityMatrixCell(models.Model):
    """A similarity, above 0 and up to 1; `row` and `column` are ids of users or of items."""

    matrix = models.ForeignKey(SimilarityMatrix, models.CASCADE, verbose_name=_("matrix"))
    version = models.PositiveIntegerField(_("version"))
    row = models.BigIntegerField(_("row"))
    column = models.BigIntegerField(_("column"))
    value = models.FloatField(_("value"))

    class Meta:
        verbose_name = _("similarity")
        verbose_name_plural = _("similarities")
        constraints = [
            models.UniqueConstraint(
                fields=["matrix", "version", "row", "column"], name="one_cell_per_row_and_column"
            )
        ]
        # The constraint's index serves matrix, version and row.
        indexes = [models.Index(fields=["matrix", "version", "column"], name="cell_column")]

    def __str__(self) -> str:
        return f"{self.matrix_id} v{self.version}: {self.row}, {self.column} = {self.value:.3f}"


class MatrixVersion(models.Model):
    """A version that was published and is kept: the one that is read, or one to go back to."""

    matrix = models.ForeignKey(
        SimilarityMatrix, models.CASCADE, related_name="versions", verbose_name=_("matrix")
    )
    version = models.PositiveIntegerField(_("version"))
    cells = models.PositiveIntegerField(_("similarities"))
    made_at = models.DateTimeField(_("ratings read"))
    published_at = models.DateTimeField(_("published"))
    fingerprint = models.CharField(_("fingerprint of the ratings"), max_length=64, blank=True)
    ratings = models.PositiveIntegerField(_("ratings"), null=True, blank=True)

    class Meta:
        ordering = ["matrix", "-version"]
        verbose_name = _("published version")
        verbose_name_plural = _("published versions")
        constraints = [
            models.UniqueConstraint(fields=["matrix", "version"], name="one_row_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.matrix_id} v{self.version}"


class Recommender(models.Model):
    """A row of the recommendations page, and how it is filled."""

    class Type(models.IntegerChoices):
        """How the row is filled."""

        POPULAR = 1, _("popular")
        NEW_POPULAR = 2, _("popular, not rated yet")
        COLLABORATIVE = 3, _("collaborative")
        PROFILE = 4, _("profile by tags")
        SERVICE = 5, _("a botify service")

    name = models.CharField(_("name"), max_length=200, unique=True)
    type = models.PositiveSmallIntegerField(_("type"), choices=Type)
    user_similarity_matrix = models.ForeignKey(
        SimilarityMatrix,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="user_recommenders",
        verbose_name=_("similarities of people"),
    )
    item_similarity_matrix = models.ForeignKey(
        SimilarityMatrix,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="item_recommenders",
        verbose_name=_("similarities of items"),
    )
    service_url = models.URLField(_("address of the service"), blank=True)
    max_similar_users = models.PositiveIntegerField(_("similar people at most"), default=10)
    max_items_by_similar_user = models.PositiveIntegerField(
        _("items of a similar person at most"), default=20
    )
    max_similar_items = models.PositiveIntegerField(_("similar items at most"), default=50)
    min_similar_users = models.PositiveIntegerField(
        _("similar people who must have rated an item"), default=2
    )
    position = models.PositiveIntegerField(_("position"), default=0)
    enable = models.BooleanField(_("enabled"), default=True)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("recommender")
        verbose_name_plural = _("recommenders")

    def __str__(self) -> str:
        return self.name


class RecommenderEnsemble(models.Model):
    """A ladder: which recommender a person gets by how many items the person has rated."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    description = models.TextField(_("description"), blank=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    enable = models.BooleanField(_("enabled"), default=True)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("ladder of recommenders")
        verbose_name_plural = _("ladders of recommenders")

    def __str__(self) -> str:
        return self.name


class EnsembleConfig(models.Model):
    """A step of a ladder: from how many ratings, to how many, and how many items a visit shows."""

    ensemble = models.ForeignKey(
        RecommenderEnsemble, models.CASCADE, related_name="steps", verbose_name=_("ladder")
    )
    recommender = models.ForeignKey(Recommender, models.CASCADE, verbose_name=_("recommender"))
    active_from_n_user_iterations = models.PositiveIntegerField(
        _("from so many ratings"), default=0
    )
    active_to_n = models.PositiveIntegerField(
        _("up to so many ratings"), default=0, help_text=_("0: no end")
    )
    n_items_by_session = models.PositiveIntegerField(_("items of a visit"), default=5)

    class Meta:
        ordering = ["ensemble", "active_from_n_user_iterations", "id"]
        verbose_name = _("step of a ladder")
        verbose_name_plural = _("steps of ladders")

    def __str__(self) -> str:
        end = self.active_to_n or "…"
        return f"{self.active_from_n_user_iterations}–{end}: {self.recommender_id}"


class EnsembleEvaluation(models.Model):
    """A measure of a ladder: nDCG of each visit, and its mean over the last visits."""

    ensemble = models.ForeignKey(RecommenderEnsemble, models.CASCADE, verbose_name=_("ladder"))
    mean_window_size = models.PositiveIntegerField(_("visits of a mean"), default=5)
    enable = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")

    def __str__(self) -> str:
        return f"nDCG: {self.ensemble_id}"


class EvaluationMetric(models.Model):
    """The nDCG of one visit: of the items rated in it, in the order they were shown."""

    evaluation = models.ForeignKey(
        EnsembleEvaluation, models.CASCADE, verbose_name=_("evaluation")
    )
    recommender = models.ForeignKey(
        Recommender, models.SET_NULL, null=True, blank=True, verbose_name=_("recommender")
    )
    user_id = models.BigIntegerField(_("person"), db_index=True)
    visit = models.UUIDField(_("visit"), default=uuid.uuid4)
    value = models.FloatField(_("nDCG"))
    n_ratings = models.PositiveIntegerField(_("ratings"))
    # All ratings alike: any order has an nDCG of 1, which tells nothing about the order.
    all_equal = models.BooleanField(_("all ratings alike"), default=False)
    datetime = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("nDCG of a visit")
        verbose_name_plural = _("nDCG of visits")
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "visit"], name="one_metric_per_visit")
        ]
        indexes = [models.Index(fields=["datetime"], name="metric_datetime")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.value:.3f}"
