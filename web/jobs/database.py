"""A job on the database of this site, under a lease."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from web.jobs.job import Outcome, do
from web.jobs.lease import Lease, LeaseLostError
from web.jobs.models import Job, Run
from web.jobs.ratings import Rating, stored
from web.jobs.training import JobError, Task, Trained, cells
from web.recommendations.bulk import write_cells
from web.recommendations.defaults import collaborative
from web.recommendations.models import MatrixVersion, Recommender
from web.recommendations.publish import (
    Made,
    PublishError,
    matrices_of,
    next_version,
    publish,
    remove_cells,
    remove_old,
)

RUNS_KEPT = 100


class BusyError(RuntimeError):
    """Another run has the lease."""


class Here:
    """This database, for one run of a job that has the lease."""

    def __init__(self, job: Job, lease: Lease, recommender: Recommender) -> None:
        self._job, self._lease, self._recommender = job, lease, recommender
        self.run: Run | None = None

    def ratings(self) -> Iterator[Rating]:
        """All of the database."""
        yield from stored()
        Job.objects.filter(pk=self._job.pk).update(checked_at=timezone.now())

    def known(self) -> str:
        """Of the version that this job published last, rolled back or not."""
        return self._job.fingerprint

    def begin(self, ratings: int) -> int:
        """A row says which version is being written, so that the next run can clear it away.

        No run has the number of another: one that lost its lease may write a last batch yet.
        """
        last = Run.objects.filter(job=self._job).aggregate(n=Max("version"))["n"] or 0
        version = max(next_version(self._recommender), last + 1)
        self.run = Run.objects.create(
            job=self._job, owner=self._lease.owner, version=version, ratings=ratings
        )
        return version

    def alive(self) -> None:
        """Hold the lease. Raises LeaseLostError."""
        self._lease.keep()

    def write(self, version: int, trained: Trained) -> dict[str, int]:
        """A batch at a time."""
        kinds = {
            "user": self._recommender.user_similarity_matrix,
            "item": self._recommender.item_similarity_matrix,
        }
        return {
            matrix.name: write_cells(matrix, version, cells(trained.files[kind]), self._lease.keep)
            for kind, matrix in kinds.items()
            if matrix is not None
        }

    def publish(self, version: int, cells: dict[str, int], made: Made) -> None:
        """With the lease held, and the fingerprint stored, in the same transaction."""

        def check() -> None:
            self._lease.renew()
            Job.objects.filter(pk=self._job.pk).update(fingerprint=made.fingerprint)

        publish(self._recommender, version, cells=cells, made=made, check=check)


def run(task: Task, owner: str, *, held: bool = False, force: bool = False) -> Outcome:
    """Run the job of `task.model` as `owner`, which has the lease already where `held`.

    Raises BusyError, JobError, PublishError and LeaseLostError. The job keeps the failure, too.
    """
    job, _ = Job.objects.get_or_create(name=task.model)
    lease = Lease(job.name, owner)
    if held:
        lease.renew()
    elif not lease.take():
        raise BusyError(f"{job.name} is run by another process now")
    recommender = collaborative(task.model)
    site = Here(job, lease, recommender)
    try:
        job.refresh_from_db()
        _repair(job, recommender)
        outcome = do(task, site, Path(settings.JOBS_DIR) / job.name, force)
    except LeaseLostError:
        raise  # whoever has the lease now clears away what this run wrote
    except BaseException as error:
        expected = isinstance(error, JobError | PublishError)
        said = str(error) if expected else f"{type(error).__name__}: {error}"
        Job.objects.filter(pk=job.pk).update(failures=job.failures + 1)
        failed = site.run or Run(job=job, owner=owner, version=0)
        _clear(failed, recommender)
        _end(failed, Run.Status.FAILED, said)
        raise
    finally:
        lease.release()
    Job.objects.filter(pk=job.pk).update(failures=0)
    if site.run is not None:
        _end(site.run, Run.Status.PUBLISHED, outcome.message, outcome.megabytes)
    return outcome


def _end(run: Run, status: str, message: str, megabytes: int | None = None) -> None:
    run.status, run.message, run.megabytes = status, message, megabytes
    run.ended_at = timezone.now()
    run.save()
    kept = Run.objects.filter(job=run.job_id).values_list("pk", flat=True)[:RUNS_KEPT]
    Run.objects.filter(job=run.job_id).exclude(pk__in=list(kept)).delete()


def _clear(run: Run, recommender: Recommender) -> bool:
    """Remove what a run wrote, where it was not published; gives whether it was."""
    matrices = matrices_of(recommender)
    published = MatrixVersion.objects.filter(matrix__in=matrices, version=run.version).exists()
    if run.version and not published:
        for matrix in matrices:
            remove_cells(matrix, run.version)
    return published


def _repair(job: Job, recommender: Recommender) -> None:
    """Clear away what killed runs left. The caller has the lease."""
    for run in Run.objects.filter(job=job, status=Run.Status.RUNNING):
        if _clear(run, recommender):
            _end(run, Run.Status.PUBLISHED, "its process was killed after it had published")
        else:
            _end(run, Run.Status.KILLED, "its process was killed")
    remove_old(matrices_of(recommender), settings.SIMILARITY_KEEP)
