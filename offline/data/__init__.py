"""Data to train models on: interactions, their matrix, plays, splits, and the catalog."""
