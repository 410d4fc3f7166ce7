"""What models learn from: interactions, their matrix, plays, splits, and the catalog."""
