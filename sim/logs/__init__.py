"""The event log of sessions that were played in process."""
