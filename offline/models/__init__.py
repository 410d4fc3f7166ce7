"""Models that are trained on interactions and rank items."""
