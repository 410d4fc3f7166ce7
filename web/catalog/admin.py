"""Items and tags in /admin/."""

from django.contrib import admin

from web.catalog.models import Item, Tag


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    """What is counted of ratings can be seen and not changed."""

    list_display = ["id", "name", "popularity", "rating", "votes", "likes"]
    list_filter = ["tags"]
    search_fields = ["name", "=id"]
    filter_horizontal = ["tags"]
    readonly_fields = ["popularity", "rating", "votes", "likes"]
    show_full_result_count = False


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    """Tags."""

    search_fields = ["name"]
