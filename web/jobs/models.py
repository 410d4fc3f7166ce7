"""Jobs that compute similarities: who runs them now, and how they ended."""

from datetime import datetime, timedelta

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SHORTEST = 180
"""Seconds between two starts of a job by the scheduler, at least."""
MOST_DOUBLINGS = 5


class Job(models.Model):
    """A job; its name is that of the model it trains. `lease_until` passes where its run died."""

    name = models.CharField(_("name"), max_length=50, unique=True)
    enable = models.BooleanField(_("scheduled"), default=True)
    every_seconds = models.PositiveIntegerField(
        _("seconds between starts"), default=SHORTEST, validators=[MinValueValidator(SHORTEST)]
    )
    asked = models.BooleanField(_("to run at once"), default=False)
    owner = models.CharField(_("run by"), max_length=100, blank=True, editable=False)
    lease_until = models.DateTimeField(_("run until"), null=True, editable=False)
    started_at = models.DateTimeField(_("last started"), null=True, editable=False)
    checked_at = models.DateTimeField(_("ratings last read"), null=True, editable=False)
    fingerprint = models.CharField(
        _("fingerprint of the ratings"), max_length=64, blank=True, editable=False
    )
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")

    def __str__(self) -> str:
        return self.name

    @property
    def running(self) -> bool:
        """Whether a run holds the lease."""
        return self.lease_until is not None and self.lease_until > timezone.now()

    @property
    def due_at(self) -> datetime | None:
        """When the scheduler starts it next; later after failures. None: as soon as it can."""
        if self.asked or self.started_at is None:
            return None
        wait = self.every_seconds * 2 ** min(self.failures, MOST_DOUBLINGS)
        return self.started_at + timedelta(seconds=wait)


class Run(models.Model):
    """A run that had something to do; one that found nothing changed leaves no row."""

    class Status(models.TextChoices):
        """RUNNING of a job that nobody runs: its process was killed."""

        RUNNING = "running", _("running")
        PUBLISHED = "published", _("published")
        FAILED = "failed", _("failed")
        KILLED = "killed", _("killed")

    job = models.ForeignKey(Job, models.CASCADE, related_name="runs", verbose_name=_("job"))
    owner = models.CharField(_("run by"), max_length=100)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.RUNNING)
    version = models.PositiveIntegerField(_("version"))
    ratings = models.PositiveIntegerField(_("ratings"), default=0)
    message = models.TextField(_("message"), blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    megabytes = models.PositiveIntegerField(_("memory of the training, MB"), null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("run of a job")
        verbose_name_plural = _("runs of jobs")

    def __str__(self) -> str:
        return f"{self.job_id} v{self.version}: {self.status}"
