"""The listeners: worlds, the session engine, and the agents that answer for a recommender."""
