"""The app of `web/api`."""

from django.apps import AppConfig


class Api(AppConfig):
    name = "web.api"
