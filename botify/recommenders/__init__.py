"""Recommenders: each names candidate steps for the store, or decides in Python."""

from botify.config import ListName, ModelName, NeighboursName, RecommenderConfig
from botify.plays import Play
from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender, Resources
from botify.recommenders.registry import build_recommenders
from botify.recommenders.turn import Choice, Turn
from botify.store.candidates import CandidateStep, from_catalog, from_list, from_tracks

__all__ = [
    "POPULAR_STEP",
    "RANDOM_STEP",
    "CandidateStep",
    "Choice",
    "ListName",
    "ModelName",
    "NeighboursName",
    "Play",
    "Recommender",
    "RecommenderConfig",
    "Resources",
    "Turn",
    "build_recommenders",
    "from_catalog",
    "from_list",
    "from_tracks",
]
