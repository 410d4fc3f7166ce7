"""Loaders of catalogues and ratings: one module for each source."""
