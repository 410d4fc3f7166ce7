"""Nights: new events in, checks, training, a gate against what serves, publication, rollback."""
