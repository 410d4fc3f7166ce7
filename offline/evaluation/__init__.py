"""Protocols by which models are compared."""
