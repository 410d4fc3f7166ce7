"""The app of `web/people`."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from web.people.ids import reserve_loaded_ids


def _reserve(using: str, **_: Any) -> None:
    reserve_loaded_ids(using)


class People(AppConfig):
    name = "web.people"

    def ready(self) -> None:
        from web.people import removal  # noqa: F401  # its receiver

        post_migrate.connect(_reserve, sender=self)
