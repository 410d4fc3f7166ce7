"""Plays sessions against a running service, over HTTP."""

from sim.remote.driver import Driven, drive
from sim.remote.options import ServiceOptions

__all__ = ["Driven", "ServiceOptions", "drive"]
