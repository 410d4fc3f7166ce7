"""Evaluation on the events of a shop: cut in time, and what comes next in a session."""
