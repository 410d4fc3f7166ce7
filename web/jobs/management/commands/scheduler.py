"""`manage.py scheduler`: start jobs that are due, until it is stopped."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from web.jobs.scheduler import Scheduler
from web.jobs.training import JobError, program


class Command(BaseCommand):
    help = "Start jobs that are due. gunicorn does it besides; any number may run."

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            program()
        except JobError as error:
            raise CommandError(str(error), returncode=2) from None
        scheduler = Scheduler()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: scheduler.end())
        scheduler.loop()
