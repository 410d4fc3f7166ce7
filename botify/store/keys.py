"""The keys in Redis, all of which begin with `botify:`."""

LIST_VERSIONS = "botify:lists"
"""Hash of list name -> version served; LIST_VERSIONS:name:version is the list itself."""

REFUSALS = "botify:refused"
"""Hash of list or model name -> why its newest file was refused; removed by the next load."""

CONFIGURED_VERSIONS = "botify:configured"
"""Hash of list name -> version of the configured file when it was last loaded."""


def session_key(user: str) -> str:
    """Key of the session of the user with these digits."""
    return f"botify:session:{user}"
