"""The addresses of `web/ratings`."""

from django.urls import path

from web.ratings import views

urlpatterns = [
    path("rate", views.cards, name="rate"),
    path("rate/more", views.more, name="rate_more"),
    path("rate/<int:item_id>", views.act, name="rate_item"),
    path("ratings", views.mine, name="my_ratings"),
    path("ratings/export", views.export, name="ratings_export"),
    path("ratings/import", views.load, name="ratings_import"),
    path("ratings/reset", views.reset, name="ratings_reset"),
]
