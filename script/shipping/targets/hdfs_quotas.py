"""Checks the quotas of HDFS on the directories above a target."""

from collections.abc import Callable, Iterator
from typing import Any

from hdfs import Client


def no_room(
    client: Client, path: str, size: int, files: int, block: Callable[[], int]
) -> str | None:
    """Why a directory above `path` has no room for `size` more bytes and `files` more files.

    HDFS reserves a whole block in all replicas for a file being written: `block` returns how many
    bytes that is, and is called only if a quota applies. None if there is room, or if the quotas
    cannot be read.
    """
    limited = list(_limited(client, path))
    for place, usage in limited:
        limit, used = usage["quota"], usage["fileCount"] + usage["directoryCount"]
        if 0 <= limit < used + files:
            return (
                f"the name quota of {place} is exceeded: {limit} files and directories, "
                f"{used} there, {files} more needed; have it raised, or make room"
            )
    for place, usage in limited:
        limit, used = usage["spaceQuota"], usage["spaceConsumed"]
        if limit < 0:
            continue
        needed = max(size, block())
        if limit < used + needed:
            return (
                f"the space quota of {place} is exceeded: {limit} bytes, {used} in use, "
                f"{needed} more needed; have it raised, or make room"
            )
    return None


def _limited(client: Client, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The directories above `path` that have a quota, with their usage."""
    # Not above the user's home: summing up /user may take minutes.
    while (path := path.rpartition("/")[0]).count("/") >= 2:
        # There is no answer for one that does not exist yet, or may not be read.
        usage = client.content(path, strict=False)
        if usage is not None and (usage["quota"] >= 0 or usage["spaceQuota"] >= 0):
            yield path, usage
