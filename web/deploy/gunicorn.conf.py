"""What gunicorn does in production, by `make web`, the unit and the container alike."""

import os
from typing import Any

bind = os.environ.get("BIND", "127.0.0.1:8080")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
timeout = 30
graceful_timeout = 20
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True
wsgi_app = "web.recsys.wsgi:application"
# Whose X-Forwarded-Proto is believed: the proxy on this host.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")


_schedulers: list[Any] = []


def post_worker_init(worker: Any) -> None:
    """Each worker asks for jobs that are due; one of them gets the lease. SCHEDULER=0: none."""
    if os.environ.get("SCHEDULER", "1") != "0":
        from web.jobs.scheduler import start

        _schedulers.append(start())


def worker_exit(server: Any, worker: Any) -> None:
    """A job that this worker started ends with it, and is run again by another."""
    for scheduler in _schedulers:
        scheduler.end()


def child_exit(server: Any, worker: Any) -> None:
    """The counters of a worker that ended stay; its gauges go."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
