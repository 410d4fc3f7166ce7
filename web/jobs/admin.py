"""Jobs and their runs in /admin/."""

from django.contrib import admin

from web.jobs.models import Job, Run


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    """How often a job is started. The page /jobs starts one at once."""

    list_display = ["name", "enable", "every_seconds", "started_at", "checked_at", "failures"]
    list_editable = ["enable", "every_seconds"]
    list_filter = ["enable"]
    search_fields = ["name"]
    readonly_fields = ["started_at", "checked_at", "failures", "owner", "lease_until"]


@admin.register(Run)
class RunAdmin(admin.ModelAdmin):
    """What runs did."""

    list_display = ["job", "status", "version", "ratings", "started_at", "ended_at", "megabytes"]
    list_filter = ["job", "status", "started_at"]
    list_select_related = ["job"]
    search_fields = ["message", "owner"]
