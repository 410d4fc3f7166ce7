"""A model that hears the session: trained from plays, exported for the service."""

from offline.session_model.file_format import save_sessions
from offline.session_model.fit import FittedSessions, fit_sessions

__all__ = ["FittedSessions", "fit_sessions", "save_sessions"]
