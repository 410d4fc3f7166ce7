"""Follows a running experiment: reads new events and shows results on a local page."""
