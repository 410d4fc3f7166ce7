"""`manage.py token USER`: make a token of the API, and print it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from web.api.models import Scope
from web.api.tokens import DAYS, TokenError, make_token
from web.people.models import User


class Command(BaseCommand):
    help = "Make a token of the API for a person, and print it: it cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user name")
        parser.add_argument("--name", default="command line")
        parser.add_argument("--scope", action="append", help=f"repeatable: {', '.join(Scope)}")
        parser.add_argument("--days", type=int, default=DAYS)

    def handle(self, *_: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"there is no user {options['user']}", returncode=2)
        scopes = options["scope"] or [Scope.READ]
        try:
            _token, secret = make_token(user, options["name"], scopes, options["days"])
        except TokenError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(secret)
