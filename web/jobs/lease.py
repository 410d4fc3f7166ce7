"""A job runs once at a time, however many processes want to run it.

The lease is a row of the database that one process takes by a conditional UPDATE and renews while
it works. Where the process dies, the lease runs out, and another one takes it. Clocks of hosts
that share a database must agree to a few seconds.
"""

import os
import secrets
import socket
import time
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from web.jobs.models import Job

LEASE_SECONDS = 90
RENEW_SECONDS = 15


class LeaseLostError(RuntimeError):
    """Another process has the lease: what this one does must not be published."""


def new_owner() -> str:
    """A name for a process: host, process id, and something that no other has."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


class Lease:
    """The lease of job `name`, held by `owner`."""

    def __init__(self, name: str, owner: str) -> None:
        self._rows = Job.objects.filter(name=name)
        self.owner = owner
        self._renewed = 0.0

    def take(self, *still: Q) -> bool:
        """Take it where nobody has it, and `still` holds; gives whether this one did."""
        now = timezone.now()
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        taken = self._rows.filter(free, *still).update(
            owner=self.owner,
            lease_until=now + timedelta(seconds=LEASE_SECONDS),
            started_at=now,
            asked=False,
        )
        return bool(taken)

    def renew(self) -> None:
        """Hold it longer. Raises LeaseLostError where it ran out or somebody else has it."""
        now = timezone.now()
        mine = self._rows.filter(owner=self.owner, lease_until__gt=now)
        if not mine.update(lease_until=now + timedelta(seconds=LEASE_SECONDS)):
            raise LeaseLostError("the lease is lost: another run may have begun")
        self._renewed = time.monotonic()

    def keep(self, *_: object) -> None:
        """Renew it where that is due; called often as the work goes on. Raises LeaseLostError."""
        if time.monotonic() - self._renewed >= RENEW_SECONDS:
            self.renew()

    def release(self) -> None:
        """Give it up, where it is still this one's."""
        self._rows.filter(owner=self.owner).update(owner="", lease_until=None)
