"""Event logs read on Spark."""
