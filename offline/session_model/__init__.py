"""The session-aware model: trained from plays, exported for the service."""

from offline.session_model.file_format import save_session_model
from offline.session_model.fit import FittedSessionModel, fit_session_model

__all__ = ["FittedSessionModel", "fit_session_model", "save_session_model"]
