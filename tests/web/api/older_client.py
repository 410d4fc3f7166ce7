"""A client that speaks as programs for an earlier site of this kind do: offset, limit, addresses.

Empty filters are sent with every list; POST takes lists; matrices are named by their address;
publishing is a PUT of the matrix with its new version.
"""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client


class OlderClient:
    """client.pages("items", name=""), .add, .update, .remove, .versions, .remove_version."""

    def __init__(self, token: str, host: str = "http://testserver") -> None:
        self.host = host
        self.client = Client(headers={"Authorization": f"Token {token}"})

    def _send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = "" if body is None else json.dumps(body)
        answer = self.client.generic(method, path, data, "application/json")
        return answer.status_code, json.loads(answer.content or "null")

    def pages(
        self, table: str, /, offset: int = 0, limit: int = 10, **filters: Any
    ) -> dict[str, Any]:
        query = "".join(f"&{key}={value}" for key, value in filters.items())
        status, body = self._send("GET", f"/api/{table}/?offset={offset}&limit={limit}{query}")
        assert status == 200, body
        return body

    def all(self, name: str, limit: int = 2) -> list[dict[str, Any]]:
        """Every page, by the offset in the link to the next."""
        found: list[dict[str, Any]] = []
        offset: int | None = 0
        while offset is not None:
            page = self.pages(name, offset, limit)
            found += page["results"]
            following = parse_qs(urlsplit(page["next"] or "").query)
            offset = int(following["offset"][0]) if following else None
        assert len(found) == page["count"]
        return found

    def add(self, name: str, body: Any) -> tuple[int, Any]:
        return self._send("POST", f"/api/{name}/", body)

    def update(self, name: str, row: dict[str, Any]) -> tuple[int, Any]:
        return self._send("PUT", f"/api/{name}/{row['id']}/", row)

    def remove(self, name: str, id_: int) -> int:
        return self._send("DELETE", f"/api/{name}/{id_}/")[0]

    def versions(self, matrix: int) -> list[int]:
        body = self._send("GET", f"/api/similarity-matrix/{matrix}/versions/")[1]
        return [one["version"] for one in body]

    def remove_version(self, matrix: int, version: int) -> tuple[int, Any]:
        return self._send("DELETE", f"/api/similarity-matrix/{matrix}/versions/{version}/")
