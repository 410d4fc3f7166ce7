"""Ratings and dismissals in /admin/."""

from django.contrib import admin

from web.ratings.models import Dismissal, Interaction


@admin.register(Interaction)
class InteractionAdmin(admin.ModelAdmin):
    """Ratings; a person is searched for by id."""

    list_display = ["user_id", "item", "rating", "suitable_to_train", "created_at", "updated_at"]
    list_filter = ["rating", "suitable_to_train", "created_at"]
    list_select_related = ["item"]
    search_fields = ["=user_id", "item__name"]
    autocomplete_fields = ["item"]
    readonly_fields = ["revision", "updated_at"]
    show_full_result_count = False


@admin.register(Dismissal)
class DismissalAdmin(admin.ModelAdmin):
    """What was skipped, and what is not wanted."""

    list_display = ["user_id", "item", "kind", "created_at"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["item"]
    search_fields = ["=user_id", "item__name"]
    autocomplete_fields = ["item"]
