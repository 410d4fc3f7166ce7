"""Recommenders compared on the same listeners."""
