"""The addresses of `web/recommendations`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
