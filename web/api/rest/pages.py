"""Pages of a list: by cursor, or by `offset` and `limit` where a request names one of them.

A cursor neither repeats nor leaves out rows while others are added, and its last page is as quick
as its first. `offset` and `limit` are what older clients send; only they are told a `count`.
"""

from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination, CursorPagination, LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

PAGE, LARGEST_PAGE = 100, 5000


class _Cursor(CursorPagination):
    ordering = "id"  # unique: no ties
    page_size = PAGE
    page_size_query_param = "page_size"
    max_page_size = LARGEST_PAGE


class _Offset(LimitOffsetPagination):
    default_limit = PAGE
    max_limit = LARGEST_PAGE


class Pages(BasePagination):
    """Either of the two, as the request asks."""

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any] | None:
        """The rows of the page."""
        offset = "offset" in request.query_params or "limit" in request.query_params
        self.kind = _Offset() if offset else _Cursor()
        if offset:
            queryset = queryset.order_by("id")
        return self.kind.paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any) -> Response:
        """The page with its links."""
        return self.kind.get_paginated_response(data)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """For the schema."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "count": {"type": "integer", "description": "With offset and limit alone."},
                "next": link,
                "previous": link,
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the schema."""
        numbers = (
            ("page_size", f"Rows of a page, {LARGEST_PAGE} at most."),
            ("limit", "Rows of a page, with `offset`."),
            ("offset", "Where the page begins; instead of a cursor."),
        )
        cursor = {
            "name": "cursor",
            "in": "query",
            "description": "Of the link `next` or `previous`.",
            "schema": {"type": "string"},
        }
        return [cursor] + [
            {"name": name, "in": "query", "description": text, "schema": {"type": "integer"}}
            for name, text in numbers
        ]
