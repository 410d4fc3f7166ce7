"""The addresses of `web/people`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
