"""Ratings made of known parts, so that the best error that a model can have is known."""
