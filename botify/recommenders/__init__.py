"""Recommenders: each turns (user, last track) into candidate steps for the store."""

from botify.recommenders.base import Recommender
from botify.recommenders.registry import build_recommenders

__all__ = ["Recommender", "build_recommenders"]
