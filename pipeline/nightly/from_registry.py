"""Lists of the registry into service."""

import tempfile
from pathlib import Path

from pipeline.nightly.directory import StopNightError, fingerprint
from pipeline.nightly.serving import Serving
from pipeline.tracking.registry import registry


def publish(face: str, alias: str, serving: Serving, forced: bool) -> str:
    """The version that has the alias, put into service; nothing is done where it serves already.

    Raises TrackingError where it cannot be had, and StopNightError where it is not what was
    registered, or was rolled back before (unless forced).
    """
    with tempfile.TemporaryDirectory() as aside:
        with registry() as place:
            version, run = place.version(face, alias)
            if version == serving.current():
                return version
            lists = place.fetch(run, Path(aside))
        if (found := fingerprint(lists)[: len(version)]) != version:
            raise StopNightError(f"the {alias} is {version}, but its lists are {found}")
        serving.publish(lists, version, f"{alias} of the registry", forced)
    return version
