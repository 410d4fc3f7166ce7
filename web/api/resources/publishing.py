"""`POST /api/recommenders/ID/publish/` and `/rollback/`."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from web.api.rest.errors import Conflict
from web.recommendations.models import Recommender
from web.recommendations.publish import Made, Published, PublishError, publish, rollback


class PublishSerializer(serializers.Serializer):
    """A version whose cells are written, and how it was made."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    cells = serializers.DictField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        help_text="The name of each matrix, and how many cells were written.",
    )
    keep = serializers.IntegerField(
        min_value=0, max_value=100, required=False, help_text="Versions kept besides this one."
    )
    made_at = serializers.DateTimeField(required=False, help_text="When the ratings were read.")
    fingerprint = serializers.CharField(required=False, max_length=64)
    ratings = serializers.IntegerField(min_value=0, required=False)


class PublishedSerializer(serializers.Serializer):
    """The version that is read now, the one before, and the cells of each matrix."""

    version = serializers.IntegerField()
    before = serializers.IntegerField(help_text="0 where there was none.")
    cells = serializers.DictField(child=serializers.IntegerField())


class Publishing:
    """A part of the routes of recommenders."""

    get_object: Any

    @extend_schema(request=PublishSerializer, responses={200: PublishedSerializer})
    @action(detail=True, methods=["POST"], url_path="publish", pagination_class=None)
    def publish(self, request: Request, pk: str = "") -> Response:
        """Let readers take a version of all the recommender's matrices, in one transaction."""
        asked = PublishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        made = Made(
            said.get("made_at", timezone.now()), said.get("fingerprint", ""), said.get("ratings")
        )
        recommender: Recommender = self.get_object()
        try:
            done = publish(
                recommender,
                said["version"],
                cells=said.get("cells"),
                made=made,
                keep=said.get("keep"),
            )
        except PublishError as error:
            raise Conflict(str(error)) from None
        return _answer(done)

    @extend_schema(request=None, responses={200: PublishedSerializer})
    @action(detail=True, methods=["POST"], url_path="rollback", pagination_class=None)
    def rollback(self, request: Request, pk: str = "") -> Response:
        """Let readers take the version before again, in one transaction."""
        try:
            return _answer(rollback(self.get_object()))
        except PublishError as error:
            raise Conflict(str(error)) from None


def _answer(done: Published) -> Response:
    return Response(asdict(done))
