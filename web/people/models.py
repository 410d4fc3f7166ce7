"""Accounts."""

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """An account. Its id is `web.people.ids.FIRST_ACCOUNT_ID` or higher."""

    class Meta(AbstractUser.Meta):
        permissions = [
            ("info", _("Can see what is known about the site: quality, versions, people")),
            ("reset_interactions", _("Can remove all own ratings at once")),
            ("api_management", _("Can administer the API and its tokens")),
            ("airflow_management", _("Can administer scheduled jobs")),
        ]
