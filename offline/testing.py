"""Checks that plug-ins run in their own tests, as Gymnasium has `check_env`."""

from offline.importing.check import check_dataset
from offline.models.check import check_model
from offline.models.check_ratings import check_rating_model

__all__ = ["check_dataset", "check_model", "check_rating_model"]
