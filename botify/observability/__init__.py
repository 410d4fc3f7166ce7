"""What the service tells of itself: health, metrics, log lines on stderr."""
