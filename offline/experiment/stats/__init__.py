"""Statistics of two arms, from arrays over users."""
