"""Follows a running experiment: what is new in its logs, on a local page."""
