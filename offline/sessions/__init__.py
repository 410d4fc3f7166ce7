"""A model that hears the session: trained from plays, exported for the service."""

from offline.sessions.files import save_sessions
from offline.sessions.training import Fitted, fit_sessions

__all__ = ["Fitted", "fit_sessions", "save_sessions"]
