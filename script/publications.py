"""The service's record of what it put into service, which goes along with its log."""

from pathlib import Path

from script.targets import Target

PUBLISHED = "published.jsonl"
"""Beside the log's files, and at the target beside their parts."""
_ASIDE = f"_incoming/{PUBLISHED}"


def ship_publications(target: Target, log_dir: Path) -> None:
    """Add the lines that the target's record lacks; nothing where the service keeps none.

    Whole lines alone: the service may be writing. Several services may ship to one target.
    """
    try:
        lines = (log_dir / PUBLISHED).read_bytes().splitlines(keepends=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    there = b""
    if PUBLISHED in target.list():
        there = b"".join(target.read(PUBLISHED))
    known = set(there.splitlines(keepends=True))
    new = [line for line in lines if line.endswith(b"\n") and line not in known]
    if new:
        target.write(_ASIDE, [there, *new])
        target.rename(_ASIDE, PUBLISHED)
