"""Plays sessions against a running service, over HTTP.

The HTTP/1.1 client is written by hand (one thread, a selector, one kept-alive
connection per session in flight), because a library's cost would hide the
service's. `bench/simulate/driver.py` plays the same sessions with several clients,
listeners, JSON and HTTP included, against a service that does nothing: this one
makes 52,817 requests/s at 0.019 ms of CPU each, asyncio streams without
deadlines and retries 41,626 at 0.024 ms, `requests` in threads 1,406 at 0.762 ms
(docs/benchmarks.md).
"""

from sim.remote.driver import INTERRUPTED, DriveError, DriveResult, drive
from sim.remote.service_options import ServiceOptions

__all__ = ["INTERRUPTED", "DriveError", "DriveResult", "ServiceOptions", "drive"]
