"""The addresses of `web/api`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
