"""The addresses of `web/recommendations`."""

from django.urls import path

from web.recommendations import views

urlpatterns = [
    path("recommendations", views.recommendations, name="recommendations"),
    path("quality", views.quality, name="quality"),
]
