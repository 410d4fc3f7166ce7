"""The keys that routes which write may want."""

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from flask import request
from werkzeug.exceptions import Unauthorized

from botify.errors import InputError
from botify.files.jsonlines import read_bytes

VARIABLE = "BOTIFY_API_KEYS"
"""In the environment: keys with commas between them."""
_LEAST = 16


class ApiKeys:
    """Keys of which each is enough."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Without a key, every request passes."""
        # As digests: comparing two of them takes as long for any two keys.
        self._digests = [_digest(key.encode()) for key in keys]

    def __len__(self) -> int:
        return len(self._digests)

    def check(self) -> None:
        """Raises Unauthorized if the request has no key, or none of these."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if self._digests and not (scheme.lower() == "bearer" and self._has(key.strip())):
            raise Unauthorized(
                "this route needs one of the service's keys, as Authorization: Bearer KEY"
            )

    def allow_page(self) -> bool:
        """Whether the request of a page may pass: with a key as the password that a browser asks
        for, under any name, or as for `check`."""
        if not self._digests:
            return True
        given = request.authorization
        password = given.password if given is not None and given.type == "basic" else None
        if password is not None:
            return self._has(password)
        try:
            self.check()
        except Unauthorized:
            return False
        return True

    def _has(self, key: str) -> bool:
        digest = _digest(key.encode("utf-8", "surrogateescape"))
        # Each is compared, so that the time tells nothing.
        return True in [hmac.compare_digest(digest, known) for known in self._digests]


def read_api_keys(path: Path | None) -> ApiKeys:
    """The keys of a file, one a line, and of the environment. Raises InputError.

    No message has a key, or a part of one.
    """
    keys: list[str] = []
    if path is not None:
        try:
            text = read_bytes(path).decode()
        except UnicodeDecodeError:
            raise InputError(f"{path}: api_keys: not UTF-8 text") from None
        lines = (line.strip() for line in text.splitlines())
        keys += [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise InputError(f"{path}: api_keys: there is no key in it, one a line")
    keys += [key.strip() for key in os.environ.get(VARIABLE, "").split(",") if key.strip()]
    if any(len(key) < _LEAST for key in keys):
        raise InputError(
            f"api_keys: a key of {path or VARIABLE} has fewer than {_LEAST} characters; "
            "`openssl rand -hex 24` makes one"
        )
    return ApiKeys(keys)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
