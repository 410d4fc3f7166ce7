"""Plays sessions against a running service, over HTTP.

The HTTP/1.1 client is written by hand: one thread, one selector, one kept-alive
connection per session, and no more of the protocol than the answers of a
recommender need. What it is for is cost. `bench/driver.py` plays the same
sessions with several clients; CPU per request, everything that a driver needs
included (one core, 16 connections, a service that does nothing): DRIVER_FIGURES
The rest of the round trip is the listener's, and cannot be saved.
"""

from sim.remote.driver import INTERRUPTED, DriveError, DriveResult, drive
from sim.remote.service import ServiceOptions

__all__ = ["INTERRUPTED", "DriveError", "DriveResult", "ServiceOptions", "drive"]
