"""The header that forces treatments, for tests."""

from collections.abc import Mapping
from typing import Any

from flask import request

from botify.errors import InputError
from botify.live_routing import LiveRouting

FORCED_HEADER = "X-Botify-Experiments"
"""Forces treatments, such as `DAE_VS_CONTEXTUAL=T1`, if the config allows that."""

Forcing = LiveRouting[Any, Any]
"""What has the experiments whose treatments a header may force."""

_NONE: Mapping[str, str] = {}


def read_forced(forcing: Forcing | None) -> Mapping[str, str]:
    """The treatments that the request asks for; none if `forcing` is None: it is not allowed.

    Raises InputError.
    """
    wanted = None if forcing is None else request.headers.get(FORCED_HEADER)
    if forcing is None or wanted is None:
        return _NONE
    # A value that is not ASCII arrives as an empty one.
    if forced := forcing.current.experiments.parse_forced(wanted):
        return forced
    raise InputError(f"{FORCED_HEADER} names no experiment: NAME=T1, in ASCII")
