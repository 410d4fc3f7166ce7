"""A model that hears the session: trained from plays, exported for the service."""

from offline.sessions.files import save_sessions
from offline.sessions.training import FittedSessions, fit_sessions

__all__ = ["FittedSessions", "fit_sessions", "save_sessions"]
