"""A job on another machine: ratings are read, and versions written, over the site's API."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from web.jobs.ratings import Rating
from web.jobs.training import FILES, JobError, Trained
from web.recommendations.publish import Made

TIMEOUT = 120.0
PAGE = 5000
KINDS = {"user": 1, "item": 2}
"""The `type` of each kind of matrix."""


class There:
    """A site at `url`, such as http://localhost:8080, by a token that may read and write models.

    One run at a time may write the versions of a model: the caller sees to that.
    """

    def __init__(self, url: str, token: str, model: str) -> None:
        self._api = f"{url.rstrip('/')}/api"
        if urlsplit(url).scheme not in ("http", "https"):
            raise JobError(f"--url {url}: give an address that begins with http:// or https://")
        self._token, self._model = token, model
        self._matrices: dict[str, dict[str, Any]] = {}

    def ratings(self) -> Iterator[Rating]:
        """All of the site, a page at a time."""
        address: str | None = f"{self._api}/interactions/?page_size={PAGE}&suitable_to_train=true"
        while address:
            page = self._ask("GET", address)
            for one in page["results"]:
                item = int(str(one["item"]).rstrip("/").rsplit("/", 1)[-1])
                yield Rating(one["user"], item, float(one["rating"]))
            address = page["next"]

    def known(self) -> str:
        """Of the version that is published."""
        found = [
            version["fingerprint"]
            for matrix in (self._matrix(kind) for kind in KINDS)
            for version in self._ask("GET", f"{self._one(matrix)}/versions/")
            if version["published"]
        ]
        return str(found[0]) if len(found) == len(KINDS) and len(set(found)) == 1 else ""

    def begin(self, ratings: int) -> int:
        """One above all that have cells."""
        versions = [
            version["version"]
            for matrix in (self._matrix(kind) for kind in KINDS)
            for version in self._ask("GET", f"{self._one(matrix)}/versions/")
        ]
        return max([*versions, *(self._matrix(kind)["version"] for kind in KINDS)]) + 1

    def alive(self) -> None:
        """Nothing to hold."""

    def write(self, version: int, trained: Trained) -> dict[str, int]:
        """Each file as it is."""
        written = {}
        for kind in FILES:
            matrix = self._matrix(kind)
            path = f"{self._one(matrix)}/versions/{version}/"
            written[matrix["name"]] = self._ask("PUT", path, trained.files[kind])["cells"]
        return written

    def publish(self, version: int, cells: dict[str, int], made: Made) -> None:
        """One call switches both matrices."""
        said = {
            "version": version,
            "cells": cells,
            "made_at": made.made_at.isoformat(),
            "fingerprint": made.fingerprint,
            "ratings": made.ratings,
        }
        self._ask("POST", f"{self._api}/recommenders/{self._recommender()}/publish/", said)

    def _one(self, matrix: dict[str, Any]) -> str:
        return f"{self._api}/similarity-matrix/{matrix['id']}"

    def _matrix(self, kind: str) -> dict[str, Any]:
        if kind not in self._matrices:
            name = f"{self._model}-{kind}s"
            self._matrices[kind] = self._named(
                "similarity-matrix", name, {"name": name, "type": KINDS[kind]}
            )
        return self._matrices[kind]

    def _recommender(self) -> int:
        mine = {f"{kind}_similarity_matrix": f"{self._one(self._matrix(kind))}/" for kind in KINDS}
        name = self._model.upper()
        found = self._named("recommenders", name, {"name": name, **mine})
        ids = {key: str(found[key] or "").rstrip("/").rsplit("/", 1)[-1] for key in mine}
        if any(
            ids[f"{kind}_similarity_matrix"] != str(self._matrix(kind)["id"]) for kind in KINDS
        ):
            self._ask("PATCH", f"{self._api}/recommenders/{found['id']}/", mine)
        return int(found["id"])

    def _named(self, route: str, name: str, new: dict[str, Any]) -> dict[str, Any]:
        """The row of that name, made where it is not there."""
        rows = self._ask("GET", f"{self._api}/{route}/?name={quote(name)}")["results"]
        found: dict[str, Any] = (
            rows[0] if rows else self._ask("POST", f"{self._api}/{route}/", new)
        )
        return found

    def _ask(self, method: str, address: str, body: Path | dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Token {self._token}", "Accept": "application/json"}
        data: bytes | None = None
        if isinstance(body, Path):
            data = body.read_bytes()
            headers |= {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
        elif body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(address, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace")
            raise JobError(f"{method} {address}: {error.code} {said}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise JobError(f"{method} {address}: {error}") from None
