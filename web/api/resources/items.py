"""`/api/items/`: the catalogue."""

from typing import Any

from django.db import transaction
from rest_framework import serializers, viewsets

from web.api.models import Scope
from web.api.resources import filters
from web.api.rest.fields import Strict
from web.api.rest.permissions import ModelPermissions, Scoped
from web.catalog.forms import MOST_TAGS
from web.catalog.models import Item, Tag


class TagsField(serializers.ListField):
    """Names of tags; new ones are made."""

    child = serializers.CharField(max_length=100)

    def to_representation(self, data: Any) -> list[str]:
        """Their names, in their order."""
        return [tag.name for tag in data.all()]


class ItemSerializer(Strict):
    """An item. What is counted of ratings can be read alone."""

    tags = TagsField(required=False, max_length=MOST_TAGS)

    class Meta:
        model = Item
        fields = [
            "id",
            "name",
            "description",
            "image",
            "popularity",
            "rating",
            "votes",
            "tags",
        ]
        read_only_fields = ["id", "popularity", "rating", "votes"]

    def validate_tags(self, names: list[str]) -> list[str]:
        """A minus excludes a tag where items are searched."""
        if any(name.startswith("-") for name in names):
            raise serializers.ValidationError("a tag does not begin with a minus")
        return list(dict.fromkeys(names))

    def create(self, validated_data: dict[str, Any]) -> Item:
        """The item and its tags."""
        return self._save(Item(), validated_data)

    def update(self, instance: Item, validated_data: dict[str, Any]) -> Item:
        """The item; its tags where they are named."""
        return self._save(instance, validated_data)

    def _save(self, item: Item, values: dict[str, Any]) -> Item:
        tags = values.pop("tags", None)
        with transaction.atomic():
            for name, value in values.items():
                setattr(item, name, value)
            item.save()
            if tags is not None:
                item.tags.set(Tag.objects.get_or_create(name=name)[0] for name in tags)
        return item


class ItemViewSet(viewsets.ModelViewSet):
    """The catalogue; writing needs the permissions of the pages."""

    queryset = Item.objects.prefetch_related("tags")
    serializer_class = ItemSerializer
    filterset_class = filters.Items
    permission_classes = [Scoped, ModelPermissions]
    scope = Scope.ITEMS
