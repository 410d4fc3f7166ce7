"""Lists for sessions, each of which lives in one of its user's tastes."""
