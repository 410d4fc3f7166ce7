"""Recommenders in /admin/: enabled, ordered and tuned in the list itself."""

from django.contrib import admin
from django.db import models

from web.recommendations.models import (
    EnsembleConfig,
    EnsembleEvaluation,
    EvaluationMetric,
    MatrixVersion,
    Recommender,
    RecommenderEnsemble,
    SimilarityMatrix,
    SimilarityMatrixCell,
)


@admin.register(Recommender)
class RecommenderAdmin(admin.ModelAdmin):
    """Rows of the recommendations page."""

    list_display = [
        "name",
        "type",
        "position",
        "enable",
        "max_similar_users",
        "max_items_by_similar_user",
        "max_similar_items",
        "min_similar_users",
    ]
    list_editable = list_display[2:]
    list_filter = ["type", "enable"]
    search_fields = ["name"]
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}


class Steps(admin.TabularInline):
    """The steps of a ladder, beside it."""

    model = EnsembleConfig
    extra = 0


@admin.register(RecommenderEnsemble)
class EnsembleAdmin(admin.ModelAdmin):
    """Ladders."""

    list_display = ["name", "position", "enable"]
    list_editable = ["position", "enable"]
    list_filter = ["enable"]
    search_fields = ["name"]
    inlines = [Steps]


@admin.register(EnsembleConfig)
class StepAdmin(admin.ModelAdmin):
    """Steps of all ladders."""

    list_display = [
        "ensemble",
        "recommender",
        "active_from_n_user_iterations",
        "active_to_n",
        "n_items_by_session",
    ]
    list_filter = ["ensemble", "recommender"]
    list_select_related = ["ensemble", "recommender"]
    search_fields = ["ensemble__name", "recommender__name"]


@admin.register(SimilarityMatrix)
class MatrixAdmin(admin.ModelAdmin):
    """Matrices. Which version is read is set by publishing, not by hand."""

    list_display = ["name", "type", "version"]
    list_filter = ["type"]
    search_fields = ["name", "description"]
    readonly_fields = ["version"]


@admin.register(MatrixVersion)
class VersionAdmin(admin.ModelAdmin):
    """What was published and is kept."""

    list_display = ["matrix", "version", "cells", "ratings", "made_at", "published_at"]
    list_filter = ["matrix", "published_at"]
    list_select_related = ["matrix"]
    search_fields = ["matrix__name", "fingerprint"]


@admin.register(SimilarityMatrixCell)
class CellAdmin(admin.ModelAdmin):
    """Cells, to look at: they are searched for by row or column."""

    list_display = ["matrix", "version", "row", "column", "value"]
    list_filter = ["matrix"]
    list_select_related = ["matrix"]
    search_fields = ["=row", "=column"]
    show_full_result_count = False


@admin.register(EnsembleEvaluation)
class EvaluationAdmin(admin.ModelAdmin):
    """What is measured of ladders."""

    list_display = ["ensemble", "mean_window_size", "enable"]
    list_filter = ["enable"]
    list_select_related = ["ensemble"]
    search_fields = ["ensemble__name"]


@admin.register(EvaluationMetric)
class MetricAdmin(admin.ModelAdmin):
    """nDCG of visits."""

    list_display = ["datetime", "user_id", "recommender", "value", "n_ratings", "all_equal"]
    list_filter = ["evaluation", "recommender", "all_equal", "datetime"]
    list_select_related = ["recommender"]
    search_fields = ["=user_id"]
