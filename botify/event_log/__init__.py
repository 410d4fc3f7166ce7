"""The event log, and what each of its lines says of the service that wrote it."""
