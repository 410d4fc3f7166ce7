"""Measures of ranked lists, and their intervals over users."""
