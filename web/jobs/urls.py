"""The addresses of `web/jobs`."""

from django.urls import path

from web.jobs import views

urlpatterns = [
    path("jobs", views.jobs, name="jobs"),
    path("jobs/<slug:name>", views.act, name="job_act"),
]
