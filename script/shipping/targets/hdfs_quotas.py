"""Whether the quotas of HDFS leave room, asked of the directories above a target."""

from collections.abc import Callable, Iterator
from typing import Any

from hdfs import Client


def no_room(
    client: Client, path: str, size: int, files: int, block: Callable[[], int]
) -> str | None:
    """Why a directory above `path` has no room for so many bytes and files more.

    HDFS sets aside a whole block, of all replicas, for what is written: `block` tells how many
    bytes that is, and is asked only where a quota limits them. None where all have room, or
    nobody tells.
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
    """The directories above `path` that have a quota, and how much of it is in use."""
    # No higher than the user's home: what holds all users may take minutes to sum up.
    while (path := path.rpartition("/")[0]).count("/") >= 2:
        # One that does not exist yet, or is not ours to ask about, has no answer.
        usage = client.content(path, strict=False)
        if usage is not None and (usage["quota"] >= 0 or usage["spaceQuota"] >= 0):
            yield path, usage
