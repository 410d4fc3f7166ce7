"""Health, metrics, log lines on stderr."""
