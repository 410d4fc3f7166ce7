"""The app of `web/people`."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _reserve(using: str, **_: Any) -> None:
    from web.people.ids import reserve_loaded_ids

    reserve_loaded_ids(using)


class People(AppConfig):
    name = "web.people"

    def ready(self) -> None:
        post_migrate.connect(_reserve, sender=self)
