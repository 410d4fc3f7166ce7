"""Starts jobs that are due. Any number of processes may: the lease of a job lets one start it."""

import contextlib
import logging
import random
import subprocess
import sys
import threading
from pathlib import Path

from django.db import DatabaseError, connection
from django.db.models import Q
from django.utils import timezone

from web.jobs.lease import Lease, new_owner
from web.jobs.models import Job
from web.jobs.status import all_jobs
from web.jobs.training import JobError, program

MANAGE = Path(__file__).parents[1] / "manage.py"
LOOK_SECONDS = 20.0
_log = logging.getLogger(__name__)


def claim() -> Job | None:
    """The lease of a job that is due, as `job.owner`; None where none is, or another has it.

    One job at a time is started by schedulers, so that two trainings do not share the machine.
    """
    jobs = all_jobs()
    now = timezone.now()
    if any(job.running for job in jobs):
        return None
    for job in jobs:
        due = job.due_at
        if (job.enable or job.asked) and (due is None or due <= now):
            owner = new_owner()
            # Another scheduler may have run it to its end meanwhile.
            if Lease(job.name, owner).take(Q(started_at=job.started_at)):
                job.owner = owner
                return job
    return None


class Scheduler:
    """A loop that claims jobs and runs each as `manage.py similarity`."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._running: subprocess.Popen[bytes] | None = None

    def loop(self) -> None:
        """Until `end` is called. Where the database is away, it is asked again later."""
        try:
            program()
        except JobError as error:
            _log.warning("jobs are not started by this process: %s", error)
            return
        while not self._ended.wait(LOOK_SECONDS * random.uniform(0.5, 1.0)):
            try:
                self.tick()
            except DatabaseError as error:
                _log.warning("jobs: the database cannot be asked: %s", error)
            finally:
                connection.close()

    def tick(self) -> bool:
        """Run one job that is due, to its end; gives whether there was one."""
        job = claim()
        connection.close()
        if job is None:
            return False
        command = [sys.executable, str(MANAGE), "similarity", job.name, "--owner", job.owner]
        self._running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        if self._ended.is_set():
            self._running.terminate()
        if self._running.wait():
            _log.warning("job %s ended with %d", job.name, self._running.returncode)
        self._running = None
        return True

    def end(self) -> None:
        """Stop the loop, and the job that it runs; the next scheduler runs that again."""
        self._ended.set()
        running = self._running
        if running is not None:
            with contextlib.suppress(ProcessLookupError):
                running.terminate()


def start() -> Scheduler:
    """A scheduler in a thread of this process."""
    scheduler = Scheduler()
    threading.Thread(target=scheduler.loop, name="scheduler", daemon=True).start()
    return scheduler
