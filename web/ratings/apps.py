"""The app of `web/ratings`."""

from django.apps import AppConfig


class Ratings(AppConfig):
    name = "web.ratings"
