"""Recommenders: each turns (user, last track) into candidate steps for the store."""

from botify.config import ListName, ModelName, NeighboursName, RecommenderConfig
from botify.plays import Play
from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender, Resources
from botify.recommenders.registry import build_recommenders
from botify.store.candidates import CandidateStep, from_catalog, from_list, from_tracks

__all__ = [
    "POPULAR_STEP",
    "RANDOM_STEP",
    "CandidateStep",
    "ListName",
    "ModelName",
    "NeighboursName",
    "Play",
    "Recommender",
    "RecommenderConfig",
    "Resources",
    "build_recommenders",
    "from_catalog",
    "from_list",
    "from_tracks",
]
