"""Models that learn what to recommend from interactions."""
