"""Judging an A/B experiment: per-user aggregates, the effect table, the verdict, the page."""
