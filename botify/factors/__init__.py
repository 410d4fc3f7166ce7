"""Ranking by published factors: what `contract.factors` describes, read and put to use."""

from botify.factors.reader import FactorReader, open_reader
from botify.factors.snapshot import Prior, Ranked, Snapshot, UserFactors
from botify.factors.source import SourceError

__all__ = [
    "FactorReader",
    "Prior",
    "Ranked",
    "Snapshot",
    "SourceError",
    "UserFactors",
    "open_reader",
]
