"""Markers beside local logs: `.NAME.shipped` holds how many bytes of NAME are shipped.

The service deletes left files that are marked to their last byte, if it is told to
(`log.delete_shipped`); nothing is deleted here.
"""

from collections.abc import Iterable

from script.sources import LogFile


def mark_shipped(logs: Iterable[LogFile]) -> None:
    """Mark logs whose whole lines are all at the target, verified. Raises OSError."""
    for log in logs:
        if not log.is_in_place():  # another log has its name by now
            continue
        marker = log.path.with_name(f".{log.path.name}.shipped")
        text = str(log.size)
        if marker.exists() and marker.read_text(encoding="ascii") == text:
            continue
        new = marker.with_name(f"{marker.name}.new")
        new.write_text(text, encoding="ascii")
        new.replace(marker)
