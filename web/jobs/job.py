"""What a job does: read the ratings, train if they changed, write a version, publish it."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.utils import timezone

from web.jobs.ratings import Rating, write_ratings
from web.jobs.training import JobError, Task, Trained, train
from web.recommendations.publish import Made


class Site(Protocol):
    """Where ratings are read and versions are written: this database, or a site's API."""

    def ratings(self) -> Iterator[Rating]:
        """All that are suitable to train."""

    def known(self) -> str:
        """The fingerprint of the last version; empty where there is none."""

    def begin(self, ratings: int) -> int:
        """The number of a new version."""

    def alive(self) -> None:
        """The job goes on. Raises where it must not."""

    def write(self, version: int, trained: Trained) -> dict[str, int]:
        """Write both matrices; gives the cells of each by name."""

    def publish(self, version: int, cells: dict[str, int], made: Made) -> None:
        """Let readers take the version."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    version: int | None
    """What was published; None where nothing had changed."""
    message: str
    megabytes: int | None = None


def do(task: Task, site: Site, folder: Path, force: bool = False) -> Outcome:
    """Do the job with `folder`, which is emptied, for its files.

    With `force` it trains though nothing changed. Raises JobError and PublishError; the version
    that was read before is read still.
    """
    start = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        made_at = timezone.now()
        content = write_ratings(site.ratings(), folder / "ratings.csv", lambda read: site.alive())
        fingerprint = content.fingerprint(" ".join(task.arguments()))
        if not force and fingerprint == site.known():
            return Outcome(None, f"nothing changed in {content.count:,} ratings")
        if not content.count:
            raise JobError("there are no ratings to train on")
        version = site.begin(content.count)
        trained = train(task, folder, site.alive)
        cells = site.write(version, trained)
        site.publish(version, cells, Made(made_at, fingerprint, content.count))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    counted = ", ".join(f"{n:,} similarities in {name}" for name, n in cells.items())
    said = f"version {version} of {content.count:,} ratings: {counted}"
    seconds = f"{time.monotonic() - start:.1f} s"
    return Outcome(
        version,
        "; ".join(part for part in (said, trained.note, seconds) if part),
        trained.megabytes,
    )
