"""The header that forces treatments, for tests."""

from collections.abc import Mapping

from flask import request

from botify.errors import InputError
from botify.experiments import Experiments

FORCED_HEADER = "X-Botify-Experiments"
"""Forces treatments, such as `DAE_VS_CONTEXTUAL=T1`, if the config allows that."""

_NONE: Mapping[str, str] = {}


def read_forced(forcing: Experiments | None) -> Mapping[str, str]:
    """The treatments that the request asks for; none if `forcing` is None: it is not allowed.

    Raises InputError.
    """
    wanted = None if forcing is None else request.headers.get(FORCED_HEADER)
    if forcing is None or wanted is None:
        return _NONE
    # A value that is not ASCII arrives as an empty one.
    if forced := forcing.parse_forced(wanted):
        return forced
    raise InputError(f"{FORCED_HEADER} names no experiment: NAME=T1, in ASCII")
