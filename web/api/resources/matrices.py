"""`/api/similarity-matrix/` with its versions, and `/api/similarity-matrix-cells/`."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import OpenApiTypes, extend_schema, inline_serializer
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from web.api.bulk import body, cells
from web.api.bulk.records import RecordError
from web.api.models import Scope
from web.api.resources import filters
from web.api.rest.errors import Conflict
from web.api.rest.fields import LinkField, Strict
from web.api.rest.permissions import Managed, Scoped, sees_all
from web.recommendations.models import MatrixVersion, SimilarityMatrix, SimilarityMatrixCell


class MatrixSerializer(Strict):
    """A matrix. Readers take the cells of `version`; 0 is none."""

    class Meta:
        model = SimilarityMatrix
        fields = ["id", "name", "type", "description", "version"]

    def validate_version(self, version: int) -> int:
        """A version that nobody has written would empty the rows that read it."""
        if version and self.instance is not None and version != self.instance.version:
            there = SimilarityMatrixCell.objects.filter(matrix=self.instance, version=version)
            if not there.exists():
                raise serializers.ValidationError(f"version {version} has no cells")
        return version


VERSIONS = inline_serializer(
    "Version",
    {
        "version": serializers.IntegerField(),
        "cells": serializers.IntegerField(),
        "published": serializers.BooleanField(),
        "made_at": serializers.DateTimeField(
            help_text="When its ratings were read.", allow_null=True
        ),
        "fingerprint": serializers.CharField(help_text="Of its ratings; empty if not known."),
    },
    many=True,
)
NUMBERS = {"matrix": serializers.IntegerField(), "version": serializers.IntegerField()}
DELETED = inline_serializer("Deleted", {**NUMBERS, "deleted": serializers.IntegerField()})
WRITTEN = inline_serializer("Written", {**NUMBERS, "cells": serializers.IntegerField()})


class MatrixViewSet(viewsets.ModelViewSet):
    """Similarity matrices."""

    queryset = SimilarityMatrix.objects.all()
    serializer_class = MatrixSerializer
    filterset_class = filters.Matrices
    permission_classes = [Scoped, Managed]
    scope = Scope.MODELS

    @extend_schema(responses={200: VERSIONS})
    @action(detail=True, methods=["GET"], filterset_class=None, pagination_class=None)
    def versions(self, request: Request, pk: str = "") -> Response:
        """The versions that have cells."""
        matrix = self.get_object()
        found = SimilarityMatrixCell.objects.filter(matrix=matrix).values("version")
        counted = found.annotate(cells=Count("id")).order_by("version")
        made = {one.version: one for one in MatrixVersion.objects.filter(matrix=matrix)}
        return Response(
            [
                {
                    **one,
                    "published": one["version"] == matrix.version,
                    "made_at": getattr(made.get(one["version"]), "made_at", None),
                    "fingerprint": getattr(made.get(one["version"]), "fingerprint", ""),
                }
                for one in counted
            ]
        )

    @extend_schema(
        methods=["PUT"],
        request={
            "text/csv": OpenApiTypes.STR,
            "application/x-ndjson": OpenApiTypes.STR,
            "application/json": OpenApiTypes.OBJECT,
        },
        responses={200: WRITTEN},
    )
    @extend_schema(methods=["DELETE"], request=None, responses={200: DELETED})
    @action(
        detail=True,
        methods=["PUT", "DELETE"],
        url_path=r"versions/(?P<version>[1-9]\d{0,8})",
        filterset_class=None,
        pagination_class=None,
    )
    def version(self, request: Request, pk: str = "", version: str = "") -> Response:
        """Write a version whole, or remove it. The published version stays as it is.

        PUT takes `row,column,value` as CSV with that header, as NDJSON, or as a JSON list, with
        `Content-Encoding: gzip` too. What the version had before is replaced; with an error, which
        names the line, nothing is. Repeating it changes nothing.
        """
        matrix, number = self.get_object(), int(version)
        if request.method == "PUT":
            records, word = body.records(request)
            try:
                given = cells.rows(records, word, (matrix.pk, number))
                written = cells.replace(matrix.pk, number, given, word)
            except RecordError as error:
                raise serializers.ValidationError([str(error)]) from None
            return Response({"matrix": matrix.pk, "version": number, "cells": written})
        if matrix.version == number:
            raise Conflict(f"version {number} is published: publish another one first")
        gone = SimilarityMatrixCell.objects.filter(matrix=matrix, version=number)
        deleted, _ = gone.delete()
        if not deleted:
            raise NotFound(f"version {number} has no cells")
        return Response({"matrix": matrix.pk, "version": number, "deleted": deleted})


class CellSerializer(Strict):
    """A similarity of two people or of two items."""

    matrix = LinkField("similarity-matrix", SimilarityMatrix)

    class Meta:
        model = SimilarityMatrixCell
        fields = ["id", "row", "column", "value", "matrix", "version"]
        validators: list[Any] = []  # the database keeps cells apart


class CellViewSet(viewsets.ModelViewSet):
    """Cells: of items, and of oneself; all of them for staff."""

    queryset = SimilarityMatrixCell.objects.all()
    serializer_class = CellSerializer
    filterset_class = filters.Cells
    permission_classes = [Scoped, Managed]
    scope = Scope.MODELS

    def get_queryset(self) -> QuerySet[SimilarityMatrixCell]:
        """The cells that may be seen."""
        found = SimilarityMatrixCell.objects.all()
        if sees_all(self.request.user):
            return found
        me, items = self.request.user.pk, SimilarityMatrix.Type.ITEM_TO_ITEM
        return found.filter(Q(matrix__type=items) | Q(row=me) | Q(column=me))

    @extend_schema(request=CellSerializer(many=True), responses={201: CellSerializer(many=True)})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add a cell, or a list of up to 10,000: all of them are stored, or none."""
        many = isinstance(request.data, list)
        given = request.data if many else [request.data]
        try:
            shown = cells.add(cells.rows(body.entries(given), "entry"), "entry")
        except RecordError as error:
            text = str(error) if many else str(error).removeprefix("entry 1: ")
            raise serializers.ValidationError([text]) from None
        data = self.get_serializer(shown, many=True).data
        return Response(data if many else data[0], status.HTTP_201_CREATED)
