"""From logs to interactions, models, lists, and verdicts."""
