"""The addresses of the site."""

from allauth.account.decorators import secure_admin_login
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from web.api import account
from web.recsys import look, metrics, views

# Its own form has no limit on tries; providers are set in the environment alone.
admin.site.login = secure_admin_login(admin.site.login)
admin.site.unregister([SocialApp, SocialToken])

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("web.people.urls")),
    path("", include("web.catalog.urls")),
    path("", include("web.ratings.urls")),
    path("", include("web.recommendations.urls")),
    path("", include("web.jobs.urls")),
    path("api/", include("web.api.urls")),
    path("account/tokens", account.tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke", account.revoke, name="token_revoke"),
    path("accounts/", include("allauth.urls")),
    path("language", set_language, name="set_language"),
    path("theme", look.set_theme, name="set_theme"),
    path("health/live", views.live, name="health_live"),
    path("health/ready", views.ready, name="health_ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("admin/", admin.site.urls),
]
