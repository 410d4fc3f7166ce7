"""The addresses of `web/catalog`."""

from django.urls import path

from web.catalog import views

urlpatterns = [
    path("items", views.items, name="items"),
    path("items/create", views.create, name="item_create"),
    path("items/<int:item_id>", views.detail, name="item"),
    path("items/<int:item_id>/edit", views.edit, name="item_edit"),
    path("items/<int:item_id>/remove", views.remove, name="item_remove"),
    path("items/<int:item_id>/cover.svg", views.drawn_cover, name="item_cover"),
]
