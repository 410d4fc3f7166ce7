"""`manage.py similarity svd|nmf`: train, write a version, publish it; or go back."""

import fcntl
import os
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from web.jobs.database import BusyError, run
from web.jobs.job import Outcome, do
from web.jobs.lease import LeaseLostError, new_owner
from web.jobs.rest import There
from web.jobs.status import go_back
from web.jobs.training import JobError, Task
from web.recommendations.defaults import MODELS
from web.recommendations.publish import PublishError


class Command(BaseCommand):
    help = "Compute the similarities of a model, where ratings changed, and publish them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", choices=MODELS)
        parser.add_argument("--force", action="store_true", help="train though nothing changed")
        parser.add_argument(
            "--rollback", action="store_true", help="publish the version before instead"
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="OPTION=VALUE",
            help="an option of the model; may be repeated",
        )
        parser.add_argument("--url", help="a site to read from and write to over its API")
        parser.add_argument(
            "--token", default=os.environ.get("RECSYS_TOKEN", ""), help="of it; else RECSYS_TOKEN"
        )
        parser.add_argument("--owner", help="who has taken the lease for this run")

    def handle(self, *_: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _stop)
        model = options["model"]
        try:
            if options["rollback"]:
                done = go_back(model)
                self.stdout.write(
                    f"{model}: version {done.version} is published again, not {done.before}; the "
                    "scheduler leaves this job alone until it is scheduled again at /jobs"
                )
                return
            task = Task(model, tuple(options["set"]))
            if options["url"]:
                outcome = self._there(task, options)
            else:
                owner = options["owner"] or new_owner()
                outcome = run(task, owner, held=bool(options["owner"]), force=options["force"])
        except (JobError, PublishError) as error:
            raise CommandError(f"{model}: {error}", returncode=2) from None
        except (BusyError, LeaseLostError) as error:
            raise CommandError(f"{model}: {error}", returncode=3) from None
        self.stdout.write(f"{model}: {outcome.message}")

    def _there(self, task: Task, options: dict[str, Any]) -> Outcome:
        if not options["token"]:
            raise JobError("--url needs --token, or RECSYS_TOKEN in the environment")
        site = There(options["url"], options["token"], task.model)
        folder = Path(settings.JOBS_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{task.model}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError("another process of this machine runs it now") from None
            return do(task, site, folder / f"{task.model}-over-rest", options["force"])


def _stop(*_: object) -> None:
    raise SystemExit(143)
