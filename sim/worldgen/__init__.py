"""Builds worlds: generated ones, and ones from real listening."""
