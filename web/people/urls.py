"""The addresses of `web/people`; those of signing in are allauth's, under /accounts/."""

from django.urls import path
from django.views.generic import RedirectView

from web.people import views

urlpatterns = [
    path("account", views.account, name="account"),
    path("account/download", views.download, name="account_download"),
    path("account/delete", views.delete, name="account_delete"),
    path("sign-in", RedirectView.as_view(pattern_name="account_login", query_string=True)),
    path("sign-out", RedirectView.as_view(pattern_name="account_logout")),
]
