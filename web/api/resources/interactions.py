"""`/api/interactions/`: ratings. A person sees and writes the own ones alone."""

from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiTypes, extend_schema, inline_serializer
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from web.api.bulk import body
from web.api.bulk.interactions import rows, store
from web.api.bulk.records import RecordError
from web.api.models import Scope
from web.api.resources import filters
from web.api.rest.fields import LinkField, Strict
from web.api.rest.permissions import Scoped, manages, sees_all
from web.catalog.counts import recount
from web.catalog.models import Item
from web.ratings.models import HIGHEST, LOWEST, STEP, Interaction


class InteractionSerializer(Strict):
    """A rating of an item by a person: one of each."""

    user = serializers.IntegerField(
        source="user_id", required=False, help_text="Oneself where it is left out."
    )
    item = LinkField("item", Item)
    rating = serializers.FloatField(
        min_value=LOWEST, max_value=HIGHEST, help_text=f"In steps of {STEP}."
    )
    created_at = serializers.DateTimeField(required=False)

    class Meta:
        model = Interaction
        fields = ["id", "user", "item", "suitable_to_train", "rating", "created_at"]

    def validate_rating(self, rating: float) -> float:
        """Half stars."""
        if rating % STEP:
            raise serializers.ValidationError(f"a rating has steps of {STEP}")
        return rating

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Who rated what stays as it is."""
        if self.instance is not None:
            for name in ("user_id", "item"):
                if name in attrs and attrs[name] != getattr(self.instance, name):
                    key = "user" if name == "user_id" else name
                    raise serializers.ValidationError({key: ["cannot be changed"]})
        return attrs


STORED = inline_serializer(
    "Stored",
    {
        name: serializers.IntegerField(help_text=text)
        for name, text in (
            ("received", "Rows of the body."),
            ("added", "New ratings."),
            ("changed", "Ratings that are another now."),
            ("same", "Ratings that were so already."),
        )
    },
)


class InteractionViewSet(viewsets.ModelViewSet):
    """Ratings: one's own, and all of them for staff."""

    queryset = Interaction.objects.all()
    serializer_class = InteractionSerializer
    filterset_class = filters.Interactions
    permission_classes = [Scoped]
    scope = Scope.RATINGS

    def get_queryset(self) -> QuerySet[Interaction]:
        """The ratings that may be seen, or where something changes, changed."""
        user = self.request.user
        all_of_them = sees_all(user) if self.request.method == "GET" else manages(user)
        found = Interaction.objects.all()
        return found if all_of_them else found.filter(user_id=user.pk)

    def _rows(self, records: body.Records, word: str) -> Any:
        return rows(records, word, self.request.user.pk, manages(self.request.user))

    @extend_schema(
        request=InteractionSerializer(many=True), responses={201: InteractionSerializer(many=True)}
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add or change a rating, or a list of up to 10,000: all of them are stored, or none."""
        many = isinstance(request.data, list)
        given = request.data if many else [request.data]
        try:
            done, shown = store(self._rows(body.entries(given), "entry"), "entry", echo=True)
        except RecordError as error:
            text = str(error) if many else str(error).removeprefix("entry 1: ")
            raise serializers.ValidationError([text]) from None
        data = self.get_serializer(shown, many=True).data
        new = many or done.added
        code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response(data if many else data[0], code)

    @extend_schema(
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "text/csv": OpenApiTypes.STR,
            "application/json": InteractionSerializer(many=True),
        },
        responses={200: STORED},
    )
    @action(detail=False, methods=["POST"], filterset_class=None, pagination_class=None)
    def bulk(self, request: Request) -> Response:
        """Add or change any number of ratings: NDJSON, CSV with a header, or a JSON list.

        All of them are stored, or none; the answer then names the line that stands against it.
        """
        records, word = body.records(request)
        try:
            done, _ = store(self._rows(records, word), word)
        except RecordError as error:
            raise serializers.ValidationError([str(error)]) from None
        return Response(vars(done))

    def perform_update(self, serializer: Any) -> None:
        """A change counts as one where something is another than before."""
        before: Interaction = serializer.instance
        wanted = {
            name: serializer.validated_data[name]
            for name in ("rating", "suitable_to_train")
            if name in serializer.validated_data
        }
        changed = {n: v for n, v in wanted.items() if getattr(before, n) != v}
        if changed:
            with transaction.atomic():
                Interaction.objects.filter(pk=before.pk).update(
                    **changed, revision=F("revision") + 1, updated_at=timezone.now()
                )
                recount(before.item_id)
            before.refresh_from_db()

    def perform_destroy(self, instance: Interaction) -> None:
        """The item is counted again."""
        with transaction.atomic():
            instance.delete()
            recount(instance.item_id)
