"""The app of `web/recommendations`."""

from django.apps import AppConfig


class Recommendations(AppConfig):
    name = "web.recommendations"
