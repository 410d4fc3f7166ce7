"""The project as an app, for its commands and template tags."""

from django.apps import AppConfig


class Recsys(AppConfig):
    name = "web.recsys"
