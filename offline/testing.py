"""Checks that plug-ins run in their own tests, as Gymnasium has `check_env`."""

from offline.importing.check import check_dataset
from offline.models.check import check_model

__all__ = ["check_dataset", "check_model"]
