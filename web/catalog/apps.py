"""The app of `web/catalog`."""

from django.apps import AppConfig


class Catalog(AppConfig):
    name = "web.catalog"
