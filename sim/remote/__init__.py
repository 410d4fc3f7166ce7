"""Plays sessions against a running service, over HTTP."""

from sim.remote.driver import INTERRUPTED, DriveError, Driven, drive
from sim.remote.service import ServiceOptions

__all__ = ["INTERRUPTED", "DriveError", "Driven", "ServiceOptions", "drive"]
