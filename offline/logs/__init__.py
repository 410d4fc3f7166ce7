"""Event logs: found, read, and checked line by line, into the tables `lines` and `events`."""
