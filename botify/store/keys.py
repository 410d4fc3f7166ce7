"""The keys in Redis, all of which begin with `botify:`; those of the shop face, `botify:shop:`."""

from typing import NamedTuple

LIST_VERSIONS = "botify:lists"
"""Hash of list name -> version served; LIST_VERSIONS:name:version is the list itself."""

REFUSALS = "botify:refused"
"""Hash of list or model name -> why its newest file was refused; removed by the next load."""

CONFIGURED_VERSIONS = "botify:configured"
"""Hash of list name -> version of the configured file when it was last loaded."""


def session_key(user: str) -> str:
    """Key of the session of the user with these digits."""
    return f"botify:session:{user}"


class Keys(NamedTuple):
    """The keys of one face, so that services of several can share a Redis."""

    lists: str
    """As LIST_VERSIONS."""
    refusals: str
    """As REFUSALS."""
    configured: str
    """As CONFIGURED_VERSIONS."""


MUSIC_KEYS = Keys(LIST_VERSIONS, REFUSALS, CONFIGURED_VERSIONS)
SHOP_KEYS = Keys("botify:shop:lists", "botify:shop:refused", "botify:shop:configured")


def keys_of(face: str) -> Keys:
    """The keys of a face of the config."""
    return SHOP_KEYS if face == "shop" else MUSIC_KEYS
