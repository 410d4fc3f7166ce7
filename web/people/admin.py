"""Accounts in /admin/."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission

from web.people.models import User


@admin.register(User)
class PeopleAdmin(UserAdmin):
    """Django's own, with the date of joining as a filter."""

    list_filter = [*UserAdmin.list_filter, "date_joined"]


@admin.register(Permission)
class PermissionAdmin(admin.ModelAdmin):
    """What may be given to people and groups."""

    list_display = ["codename", "name", "content_type"]
    list_filter = ["content_type"]
    list_select_related = ["content_type"]
    search_fields = ["codename", "name"]

    def has_change_permission(self, *args: object) -> bool:
        """Permissions are made by the code."""
        return False

    has_add_permission = has_delete_permission = has_change_permission
