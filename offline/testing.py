"""Checks of plug-ins, to be run in their own tests."""

from offline.importing.check import check_dataset

__all__ = ["check_dataset"]
