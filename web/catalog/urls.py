"""The addresses of `web/catalog`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
