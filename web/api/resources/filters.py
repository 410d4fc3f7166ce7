"""Filters of lists: equality on each field; an empty value is no filter."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from web.api.rest.fields import read_id
from web.catalog.models import Item
from web.catalog.search import split_tags
from web.people.models import User
from web.ratings.models import Interaction
from web.recommendations.models import Recommender, SimilarityMatrix, SimilarityMatrixCell


class IdFilter(django_filters.CharFilter):
    """Another table's row, by id or address; what is neither finds nothing."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The rows that refer to it."""
        if not value:
            return qs
        try:
            return qs.filter(**{str(self.field_name): read_id(value)})
        except ValueError:
            return qs.none()


class Users(django_filters.FilterSet):
    class Meta:
        model = User
        fields = ["username", "email"]


class Items(django_filters.FilterSet):
    tag = django_filters.CharFilter(
        method="by_tags", label="A tag wanted, or with a minus excluded; repeatable."
    )

    class Meta:
        model = Item
        fields = ["name", "description"]

    def by_tags(self, queryset: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """Items with all tags wanted and none excluded."""
        wanted, excluded = split_tags(self.data.getlist("tag"))
        for tag in wanted:
            queryset = queryset.filter(tags__name=tag)
        return queryset.exclude(tags__name__in=excluded) if excluded else queryset


class Interactions(django_filters.FilterSet):
    user = django_filters.NumberFilter(field_name="user_id", label="The id of a person.")
    item = IdFilter(field_name="item_id", label="The id or the address of an item.")

    class Meta:
        model = Interaction
        fields = ["suitable_to_train", "rating"]


class Matrices(django_filters.FilterSet):
    class Meta:
        model = SimilarityMatrix
        fields = ["name", "type", "description", "version"]


class Cells(django_filters.FilterSet):
    matrix = IdFilter(field_name="matrix_id", label="The id or the address of a matrix.")

    class Meta:
        model = SimilarityMatrixCell
        fields = ["row", "column", "version"]


class Recommenders(django_filters.FilterSet):
    user_similarity_matrix = IdFilter(field_name="user_similarity_matrix_id")
    item_similarity_matrix = IdFilter(field_name="item_similarity_matrix_id")

    class Meta:
        model = Recommender
        fields = ["name", "max_similar_users", "max_items_by_similar_user", "position", "enable"]
