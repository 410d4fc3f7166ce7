"""`/api/recommenders/`, and what a recommender gives a person."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from web.api.models import Scope
from web.api.resources import filters
from web.api.resources.publishing import Publishing
from web.api.rest.fields import LinkField, Strict
from web.api.rest.permissions import Managed, Scoped, sees_all
from web.catalog.models import Item
from web.people.models import User
from web.recommendations.cells import nearest
from web.recommendations.models import Recommender, SimilarityMatrix
from web.recommendations.person import load_person
from web.recommendations.rows import fill


class RecommenderSerializer(Strict):
    """A row of the recommendations page, and how it is filled."""

    user_similarity_matrix = LinkField(
        "similarity-matrix", SimilarityMatrix, required=False, allow_null=True
    )
    item_similarity_matrix = LinkField(
        "similarity-matrix", SimilarityMatrix, required=False, allow_null=True
    )
    type = serializers.ChoiceField(
        Recommender.Type.choices, default=Recommender.Type.COLLABORATIVE
    )

    class Meta:
        model = Recommender
        fields = [
            "id",
            "name",
            "type",
            "user_similarity_matrix",
            "item_similarity_matrix",
            "max_similar_users",
            "max_items_by_similar_user",
            "position",
            "enable",
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A matrix of people is no matrix of items."""
        kinds = SimilarityMatrix.Type
        for name, kind in (
            ("user_similarity_matrix", kinds.USER_TO_USER),
            ("item_similarity_matrix", kinds.ITEM_TO_ITEM),
        ):
            if attrs.get(name) and attrs[name].type != kind:
                raise serializers.ValidationError({name: [f"is no matrix of {kind.label}"]})
        return attrs


class RecommenderViewSet(Publishing, viewsets.ModelViewSet):
    """Recommenders."""

    queryset = Recommender.objects.all()
    serializer_class = RecommenderSerializer
    filterset_class = filters.Recommenders
    permission_classes = [Scoped, Managed]
    scope = Scope.MODELS


class _Head(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    features = serializers.CharField()
    description = serializers.CharField()


class _Item(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    popularity = serializers.FloatField()
    rating = serializers.FloatField()
    votes = serializers.IntegerField()


class _Reasoned(_Item):
    reason = serializers.CharField(help_text="Why the item is there.")


class _Similar(_Item):
    similarity = serializers.FloatField()


class RowSerializer(serializers.Serializer):
    """A recommender's items for a person."""

    recommender = _Head()
    info = serializers.CharField(help_text="Why the row is empty, or filled in another way.")
    items = _Reasoned(many=True)


class SimilarSerializer(serializers.Serializer):
    """Items that are like an item."""

    recommender = _Head()
    items = _Similar(many=True)


def _head(recommender: Recommender) -> dict[str, Any]:
    matrices = (recommender.user_similarity_matrix, recommender.item_similarity_matrix)
    return {
        "id": recommender.pk,
        "title": recommender.name,
        "features": ", ".join(matrix.name for matrix in matrices if matrix),
        "description": str(recommender.get_type_display()),
    }


def _item(item: Item) -> dict[str, Any]:
    names = ("id", "name", "description", "popularity", "rating", "votes")
    return {name: getattr(item, name) for name in names}


class _OfPerson(APIView):
    permission_classes = [Scoped]
    scope = Scope.MODELS

    def _found(self, recommender_id: int, user_id: int) -> Recommender:
        me = self.request.user
        if user_id != me.pk and not sees_all(me):
            raise NotFound(f"there is no person {user_id}")
        if user_id != me.pk:
            get_object_or_404(User, pk=user_id)
        return get_object_or_404(
            Recommender.objects.select_related("user_similarity_matrix", "item_similarity_matrix"),
            pk=recommender_id,
        )


class RecommendedItems(_OfPerson):
    """What a recommender gives a person."""

    @extend_schema(responses=RowSerializer)
    def get(self, request: Request, recommender_id: int, user_id: int) -> Response:
        """The items of the row, each with its reason."""
        recommender = self._found(recommender_id, user_id)
        row = fill(recommender, load_person(user_id))
        shown = Item.objects.in_bulk([one.item.pk for one in row.items])
        items = [
            {**_item(shown[one.item.pk]), "reason": one.reason}
            for one in row.items
            if one.item.pk in shown
        ]
        info = str(row.empty or row.note)
        return Response({"recommender": _head(recommender), "info": info, "items": items})


class SimilarItems(_OfPerson):
    """Items that are like an item, as a recommender's matrix has them."""

    @extend_schema(responses=SimilarSerializer)
    def get(self, request: Request, recommender_id: int, user_id: int, item_id: int) -> Response:
        """The items, the most similar first."""
        recommender = self._found(recommender_id, user_id)
        get_object_or_404(Item, pk=item_id)
        most = recommender.max_similar_items
        values = nearest(recommender.item_similarity_matrix, [item_id], most).get(item_id, {})
        found = Item.objects.in_bulk(list(values))
        items = [
            {**_item(found[id_]), "similarity": value}
            for id_, value in values.items()
            if id_ in found
        ]
        return Response({"recommender": _head(recommender), "items": items})
