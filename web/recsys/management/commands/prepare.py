"""`manage.py prepare`: tables, a catalogue, recommenders, demo people; repeatable."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandParser

from web.catalog.counts import recount
from web.catalog.models import Item
from web.people.models import User
from web.ratings.models import Interaction
from web.recommendations.defaults import MODELS, make_defaults
from web.recsys.invented import write_invented

SET = "ml-latest-small"
PEOPLE = ("admin", "ada", "boris")
RATED = 40
"""What boris has rated."""


class Command(BaseCommand):
    help = "Make the tables, a catalogue, recommenders and demo people, where they are not there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--out", type=Path, default=Path("out/web"), help="for passwords and invented data"
        )
        parser.add_argument("--data", type=Path, help="a folder of MovieLens")
        parser.add_argument(
            "--similarity", action="store_true", help="compute matrices if there are none"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        out: Path = options["out"]
        out.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        if not Item.objects.exists():
            self._load(options["data"], out)
        recount()
        if make_defaults():
            self.stdout.write("made recommenders and their ladder")
        self._people(out / "sign-in.json")
        if options["similarity"]:
            self._similarity()

    def _load(self, data: Path | None, out: Path) -> None:
        roots = [root for root in (os.environ.get("BOTIFY_DATA"), "movielens") if root]
        found = next((Path(root) / SET for root in roots if (Path(root) / SET).is_dir()), None)
        folder = data or found
        if folder:
            self.stdout.write(f"loading {folder}")
            call_command("load", "movielens", folder, stdout=self.stdout)
        else:
            self.stdout.write(
                "BOTIFY_DATA and movielens/ have no ml-latest-small: inventing films"
            )
            call_command("load", "csv", write_invented(out / "invented"), stdout=self.stdout)

    def _people(self, path: Path) -> None:
        """Demo people with passwords of their own, in a file that only its owner reads."""
        passwords = json.loads(path.read_text()) if path.exists() else {}
        for name in PEOPLE:
            if name in passwords and User.objects.filter(username=name).exists():
                continue
            passwords[name] = secrets.token_urlsafe(9)
            staff = name == "admin"
            user, _ = User.objects.get_or_create(username=name)
            user.is_staff = user.is_superuser = staff
            user.set_password(passwords[name])
            user.save()
        path.touch(mode=0o600)
        path.write_text(json.dumps(passwords, indent=2) + "\n")
        boris = User.objects.get(username="boris")
        if not Interaction.objects.filter(user_id=boris.pk).exists():
            # As one of those loaded who rated about as much: a taste that some others share.
            like = (
                Interaction.objects.values_list("user_id", flat=True).order_by("user_id").first()
            )
            rows = Interaction.objects.filter(user_id=like).order_by("item_id")[:RATED]
            Interaction.objects.bulk_create(
                Interaction(user_id=boris.pk, item_id=row.item_id, rating=row.rating)
                for row in rows
            )

    def _similarity(self) -> None:
        if "similarity" not in get_commands():
            self.stdout.write("similarities: no job computes them here yet")
            return
        for model in MODELS:
            call_command("similarity", model, stdout=self.stdout)
