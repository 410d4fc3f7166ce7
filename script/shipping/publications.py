"""The service's record of what it put into service, shipped with its log."""

from collections.abc import Iterable
from pathlib import Path

from contract.files import PUBLISHED
from script.shipping.targets.base import Target

_ASIDE = f"_incoming/{PUBLISHED}"


def ship_publications(target: Target, directories: Iterable[Path]) -> None:
    """Add the lines that the target's record lacks, if the services keep one.

    `directories` contain the logs: each service keeps its record beside its own. Only complete
    lines are taken, as a service may be writing. Several services may ship to one target.
    """
    lines = [line for place in sorted(set(directories)) for line in _lines_in(place)]
    if not lines:
        return
    there = b""
    if PUBLISHED in target.list():
        there = b"".join(target.read(PUBLISHED))
    known = set(there.splitlines(keepends=True))
    new = [line for line in dict.fromkeys(lines) if line not in known]
    if new:
        target.write(_ASIDE, [there, *new])
        target.rename(_ASIDE, PUBLISHED)


def _lines_in(directory: Path) -> list[bytes]:
    try:
        lines = (directory / PUBLISHED).read_bytes().splitlines(keepends=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [line for line in lines if line.endswith(b"\n")]
