"""The event log, each line exactly once, from where it is written to where it is kept."""
