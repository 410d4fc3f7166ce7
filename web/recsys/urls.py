"""The addresses of the site."""

from django.contrib import admin
from django.urls import include, path

from web.recsys import views

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("web.people.urls")),
    path("", include("web.catalog.urls")),
    path("", include("web.ratings.urls")),
    path("", include("web.recommendations.urls")),
    path("api/", include("web.api.urls")),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
