"""The app of `web/jobs`."""

from django.apps import AppConfig


class Jobs(AppConfig):
    name = "web.jobs"
