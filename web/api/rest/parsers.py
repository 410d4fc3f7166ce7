"""Bodies of JSON that fit in memory. Larger ones go to the bulk routes, which read a stream."""

from typing import Any

from rest_framework.parsers import JSONParser

from web.api.rest.errors import TooLarge

MOST_BYTES = 4 * 1024 * 1024


class SmallJSON(JSONParser):
    """JSON of 4 MiB at most."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Raises TooLarge before anything is read."""
        length = parser_context["request"].META.get("CONTENT_LENGTH") or "0"
        if int(length) > MOST_BYTES:
            raise TooLarge(f"at most {MOST_BYTES} bytes; the bulk routes take more")
        return super().parse(stream, media_type, parser_context)
