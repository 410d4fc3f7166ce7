"""Fields and serializers of the routes."""

import re
from typing import Any

from django.db.models import Model
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

LARGEST_ID = 2**63 - 1
_LAST_NUMBER = re.compile(r"(\d{1,19})/?$")


def read_id(value: Any) -> int:
    """The id in a number, in a text of digits, or at the end of an address. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError("an id or an address, not a truth value")
    if isinstance(value, int):
        id_ = value
    elif isinstance(value, str) and (found := _LAST_NUMBER.search(value.strip())):
        id_ = int(found[1])
    else:
        raise ValueError("an id above 0, or an address that ends with one")
    if not 0 < id_ <= LARGEST_ID:
        raise ValueError("an id above 0, or an address that ends with one")
    return id_


def link(request: Any, name: str, id_: int) -> str:
    """The address of a row of the API, with a slash at its end."""
    path = reverse(f"api:{name}-detail", args=[id_]).rstrip("/") + "/"
    return str(request.build_absolute_uri(path)) if request else path


@extend_schema_field(OpenApiTypes.URI)
class LinkField(serializers.Field):
    """A row of another table: said as its address, taken as its address or its id."""

    default_error_messages = {"missing": "there is no {name} {id}"}

    def __init__(self, name: str, table: type[Model], **kwargs: Any) -> None:
        self.name, self.table = name, table
        super().__init__(**kwargs)

    def get_attribute(self, instance: Any) -> Any:
        """The id, without a query for the row."""
        return getattr(instance, f"{self.source}_id")

    def to_representation(self, value: int) -> str:
        """The address."""
        return link(self.context.get("request"), self.name, value)

    def to_internal_value(self, data: Any) -> Model:
        """The row."""
        try:
            id_ = read_id(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None
        row = self.table._default_manager.filter(pk=id_).first()
        if row is None:
            self.fail("missing", name=self.name, id=id_)
        return row


class Strict(serializers.ModelSerializer):
    """A key that the table does not offer is an error, and not left out in silence."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The values that may be written."""
        if isinstance(data, dict):
            unknown = sorted(set(map(str, data)) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {unknown[0]: [f"is unknown; known are {', '.join(self.fields)}"]}
                )
        return super().to_internal_value(data)
