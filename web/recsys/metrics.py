"""Prometheus metrics: requests by page, method and status, their time, and rows of tables.

Each gunicorn worker has its own counters; with PROMETHEUS_MULTIPROC_DIR set, as `make web` and the
unit file do, /metrics adds them up. It answers requests from this machine, and others that bring
METRICS_TOKEN as a bearer token.
"""

import hmac
import os
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from web.catalog.models import Item
from web.people.models import User
from web.ratings.models import Interaction
from web.recommendations.models import SimilarityMatrix

LOCAL = ("127.0.0.1", "::1")
REQUESTS = Counter("recsys_requests_total", "Requests.", ["page", "method", "status"])
SECONDS = Histogram(
    "recsys_request_seconds",
    "Time of a request.",
    ["page"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5),
)


def measure(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Middleware: count and time each request by the name of its page, never by its address."""

    def middleware(request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        page = (match.view_name if match else "") or "none"
        REQUESTS.labels(page, request.method or "", str(response.status_code)).inc()
        SECONDS.labels(page).observe(time.perf_counter() - start)
        return response

    return middleware


def _allowed(request: HttpRequest) -> bool:
    token = os.environ.get("METRICS_TOKEN", "")
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    # Behind a proxy every request comes from this machine, and says for whom.
    forwarded = "X-Forwarded-For" in request.headers
    return request.META.get("REMOTE_ADDR") in LOCAL and not forwarded


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics as text."""
    if not _allowed(request):
        return HttpResponse("set METRICS_TOKEN and send it as a bearer token\n", status=403)
    tables = CollectorRegistry()
    rows = Gauge("recsys_rows", "Rows of a table.", ["table"], registry=tables)
    for name, table in (("items", Item), ("ratings", Interaction), ("accounts", User)):
        rows.labels(name).set(table.objects.count())
    versions = Gauge("recsys_matrix_version", "Published.", ["matrix"], registry=tables)
    for name, version in SimilarityMatrix.objects.values_list("name", "version"):
        versions.labels(name).set(version)
    process = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        process = CollectorRegistry()
        MultiProcessCollector(process)
    text = generate_latest(process) + generate_latest(tables)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
