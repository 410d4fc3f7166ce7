"""The addresses of `web/ratings`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
